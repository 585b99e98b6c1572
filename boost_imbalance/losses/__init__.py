"""What a loss is: a formula, class weights and an offset; its start and its calibrated probability."""

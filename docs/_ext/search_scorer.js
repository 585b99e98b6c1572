// How Sphinx's search ranks what no index entry names: pages that answer before pages that record.
var Scorer = {
  score: ([docname, title, anchor, descr, score]) =>
    /^(benchmarks|changelog|contributing|derivations|gallery)/.test(docname) ? score - 4 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

"""Formulas as MathML, by the converter that docutils brings. Browsers draw it without a script, a font or a network."""

import re

from docutils import nodes
from docutils.utils.math import latex2mathml


def convert(node, as_block):
    """The formula of a node as a ``<math>`` element."""
    try:
        formula = latex2mathml.tex2mathml(node.astext(), as_block=as_block)
    except TypeError:  # docutils before 0.22
        formula = latex2mathml.tex2mathml(node.astext(), inline=not as_block)
    # Browsers leave no room between a function's name and its argument, where the argument is not in brackets.
    return re.sub(r"(<mo>&ApplyFunction;</mo>)(?!\s*<mo[^>]*>\()", r'\1<mspace width="0.17em"/>', formula)


def visit_inline(translator, node):
    """``$...$``."""
    translator.body.append(convert(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator, node):
    """``$$...$$``; wider than a telephone, it scrolls by itself."""
    translator.body.append(f'<div class="formula">{convert(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer; Sphinx takes the one that is not its own."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

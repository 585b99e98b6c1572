"""Elementary functions that LLVM vectorises: exp, log and log1p as polynomials, for float32 and float64.

A loop that calls the C library's ``exp`` runs one element at a time. These emit a few fused multiply-adds instead, so the
loops of :mod:`boost_imbalance.kernels.loops` use the whole SIMD width. Relative error: about 1 unit in the last place.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Polynomials of least relative error (Chebyshev), highest power first.
# exp(x) on [-log(2)/2, log(2)/2].
_EXP_32 = (  # relative error 2.0e-9
    0.0013941108433972674,
    0.008375126398153335,
    0.04166635289677516,
    0.16666415514653277,
    0.5000000047117757,
    1.000000037716214,
    1.0,
)
_EXP_64 = (  # relative error 4.0e-20
    2.09215799649503e-09,
    2.5114869528657765e-08,
    2.7557251904174915e-07,
    2.7557224958392624e-06,
    2.4801587350110797e-05,
    0.000198412699092171,
    0.001388888888887189,
    0.008333333333309528,
    0.04166666666666669,
    0.16666666666666702,
    0.5,
    1.0,
    1.0,
)
# log(1 + x) / x on [0, 1].
_LOG1P_32 = (  # relative error 8.0e-10
    0.0019866965936534606,
    -0.013187826565578388,
    0.041006573693958395,
    -0.08188040923582843,
    0.12377995867871511,
    -0.16087623009295732,
    0.19885820285008451,
    -0.24986496459409926,
    0.3333249754352652,
    -0.4999997949139123,
    0.9999999991556823,
)
_LOG1P_64 = (  # relative error 2.0e-18
    -1.6020216725538194e-05,
    0.00019330794553431145,
    -0.0011093809681700342,
    0.004047809893467512,
    -0.01061469636358553,
    0.021511022653356974,
    -0.03553052540144125,
    0.05007742395391704,
    -0.06288754670783146,
    0.07329015255534954,
    -0.08207163680437429,
    0.09055567515590733,
    -0.09992127821760016,
    0.11109740896460193,
    -0.12499817769513955,
    0.14285696309567308,
    -0.16666665403691092,
    0.19999999940349814,
    -0.2499999999826481,
    0.3333333333330646,
    -0.49999999999999833,
    1.0,
)
# log(1 + x) / x on [sqrt(1/2) - 1, sqrt(2) - 1].
_LOG_32 = (  # relative error 9.0e-10
    0.06572327158522023,
    -0.11620648400270368,
    0.11945878227356821,
    -0.12420821262732773,
    0.1421229125042129,
    -0.16666555575670008,
    0.20002535640193383,
    -0.2500006237443588,
    0.3333330266101698,
    -0.49999999414017127,
    1.0000000006010195,
)
_LOG_64 = (  # relative error 3.0e-19
    0.021919155801837793,
    -0.05350137200611579,
    0.06064616772790468,
    -0.05219226625599391,
    0.050301966719505035,
    -0.054728309249345436,
    0.0590140935866318,
    -0.06261215190426186,
    0.0666607148372999,
    -0.07142019400400886,
    0.07692290097990571,
    -0.08333371277509923,
    0.09090911260595849,
    -0.09999998939375075,
    0.1111111103364897,
    -0.12500000017790405,
    0.14285714287043255,
    -0.16666666666501256,
    0.19999999999989307,
    -0.25000000000000716,
    0.33333333333333365,
    -0.5,
    1.0,
)


class _Format:
    """What differs between the two float formats."""

    def __init__(self, float_type: ir.Type, bits: int, mantissa: int, tiny: float, lowest_exp: float) -> None:
        self.type = float_type
        self.integer = ir.IntType(bits)
        self.mantissa = mantissa
        self.bias = (1 << (bits - mantissa - 2)) - 1
        self.round_magic = 1.5 * 2.0**mantissa
        self.tiny = tiny
        self.lowest_exp = lowest_exp
        wide = bits == 64
        self.exp = _EXP_64 if wide else _EXP_32
        self.log1p = _LOG1P_64 if wide else _LOG1P_32
        self.log = _LOG_64 if wide else _LOG_32
        # log(2) in two parts; the first has spare low bits, so n * high is exact.
        self.log2_high = 0.6931471803691238 if wide else 0.693359375
        self.log2_low = math.log(2.0) - self.log2_high if not wide else 1.9082149292705877e-10


_FORMATS = {
    types.float32: _Format(ir.FloatType(), 32, 23, 2.0**-126, -87.0),
    types.float64: _Format(ir.DoubleType(), 64, 52, 2.0**-1022, -708.0),
}


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    # fmuladd, not fma: fused where the processor can, two operations where it cannot.
    function = builder.module.declare_intrinsic("llvm.fmuladd", [a.type], ir.FunctionType(a.type, [a.type] * 3))
    return builder.call(function, [a, b, c])


def _polynomial(builder: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    # Estrin's scheme: pairs, pairs of pairs, ... Horner's would make every step wait for the one before.
    terms = [x.type(coefficient) for coefficient in reversed(coefficients)]
    while len(terms) > 1:
        pairs = [_fma(builder, high, x, low) for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(pairs) * 2 :]
        x = builder.fmul(x, x)
    return terms[0]


def _maximum(builder: Any, x: Any, low: float) -> Any:
    floor = x.type(low)
    return builder.select(builder.fcmp_ordered(">", x, floor), x, floor)


@intrinsic
def exp_negative(typingctx: Any, x: Any) -> Any:
    """exp(x) for x <= 0, never below the smallest normal number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        f = _FORMATS[signature.return_type]
        x = _maximum(builder, args[0], f.lowest_exp)
        magic = f.type(f.round_magic)
        shifted = _fma(builder, x, f.type(1.0 / math.log(2.0)), magic)
        n = builder.fsub(shifted, magic)
        r = _fma(builder, n, f.type(-f.log2_high), x)
        r = _fma(builder, n, f.type(-f.log2_low), r)
        power = builder.shl(builder.bitcast(shifted, f.integer), f.integer(f.mantissa))
        value = builder.bitcast(_polynomial(builder, r, f.exp), f.integer)
        return builder.bitcast(builder.add(value, power), f.type)

    return (x(x), codegen) if x in _FORMATS else None


@intrinsic
def log1p_ratio(typingctx: Any, x: Any) -> Any:
    """log(1 + x) / x for x in [0, 1]; 1 at 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _polynomial(builder, args[0], _FORMATS[signature.return_type].log1p)

    return (x(x), codegen) if x in _FORMATS else None


@intrinsic
def log(typingctx: Any, x: Any) -> Any:
    """log(x) for x > 0; numbers below the smallest normal one, zero included, count as that one."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        f = _FORMATS[signature.return_type]
        x = _maximum(builder, args[0], f.tiny)
        bits = builder.bitcast(x, f.integer)
        half = f.integer(_bits_of_root_half(f))
        exponent = builder.ashr(builder.sub(bits, half), f.integer(f.mantissa))
        reduced = builder.bitcast(builder.sub(bits, builder.shl(exponent, f.integer(f.mantissa))), f.type)
        t = builder.fsub(reduced, f.type(1.0))
        n = builder.sitofp(exponent, f.type)
        result = _fma(builder, n, f.type(f.log2_low), builder.fmul(t, _polynomial(builder, t, f.log)))
        return _fma(builder, n, f.type(f.log2_high), result)

    return (x(x), codegen) if x in _FORMATS else None


def _bits_of_root_half(f: _Format) -> int:
    fraction, exponent = math.frexp(math.sqrt(0.5))
    return int((exponent - 1 + f.bias) << f.mantissa) + int((2.0 * fraction - 1.0) * 2.0**f.mantissa)


@intrinsic
def number(typingctx: Any, value: Any, like: Any) -> Any:
    """The number ``value`` in the format of ``like``: a bare 1 would turn float32 arithmetic into float64."""
    if like not in _FORMATS or not isinstance(value, (types.Integer, types.Float)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if isinstance(signature.args[0], types.Integer):
            return builder.sitofp(args[0], _FORMATS[signature.return_type].type)
        return context.cast(builder, args[0], signature.args[0], signature.return_type)

    return like(value, like), codegen


@intrinsic
def choose(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """``a if condition else b`` without a branch, which could keep a loop from being vectorised."""
    if condition != types.boolean or a != b or a not in _FORMATS:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(args[0], args[1], args[2])

    return a(condition, a, b), codegen

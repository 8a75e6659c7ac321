// The functions of the C library that every library rounds differently: VITRINE_MATH_FUNCTIONS(X) is X(name,
// number of arguments) for each of them.
#pragma once

#define VITRINE_MATH_FUNCTIONS(X) \
    X(acos, 1)                    \
    X(acosh, 1)                   \
    X(asin, 1)                    \
    X(asinh, 1)                   \
    X(atan, 1)                    \
    X(atanh, 1)                   \
    X(atan2, 2)                   \
    X(cbrt, 1)                    \
    X(cos, 1)                     \
    X(cosh, 1)                    \
    X(erf, 1)                     \
    X(erfc, 1)                    \
    X(exp, 1)                     \
    X(exp2, 1)                    \
    X(expm1, 1)                   \
    X(hypot, 2)                   \
    X(lgamma, 1)                  \
    X(log, 1)                     \
    X(log10, 1)                   \
    X(log1p, 1)                   \
    X(log2, 1)                    \
    X(pow, 2)                     \
    X(sin, 1)                     \
    X(sinh, 1)                    \
    X(tan, 1)                     \
    X(tanh, 1)                    \
    X(tgamma, 1)

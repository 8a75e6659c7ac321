// The stand-ins' headers against NVIDIA's own, where these are installed: the values of enumerators, the
// signatures of functions, the members of structures.

#include <doctest/doctest.h>

#include <cstddef>

#ifdef VITRINE_REAL_HEADERS

#include "kernels/cuda/vendor/functions.h"
#include "tests/vendor/type_name.h"

// The stand-ins' declarations in a namespace of their own.
#define VITRINE_STAND_IN_FUNCTION
namespace stand_in {
#include "tests/vendor/stand_in/cublas_v2.h"
#include "tests/vendor/stand_in/cudnn.h"
}  // namespace stand_in

constexpr double stand_in_epsilon = CUDNN_BN_MIN_EPSILON;
constexpr int stand_in_major = CUDNN_MAJOR;
#undef CUDNN_BN_MIN_EPSILON
#undef CUDNN_MAJOR
#undef CUBLAS_VER_MAJOR

#include <cublas_v2.h>
#include <cudnn.h>

using vitrine::tests::name_of;

namespace {

template <class Mine, class Real>
void compare_performance() {
    CHECK(sizeof(Mine) == sizeof(Real));
    CHECK(offsetof(Mine, algo) == offsetof(Real, algo));
    CHECK(offsetof(Mine, status) == offsetof(Real, status));
    CHECK(offsetof(Mine, memory) == offsetof(Real, memory));
    CHECK(offsetof(Mine, determinism) == offsetof(Real, determinism));
    CHECK(offsetof(Mine, mathType) == offsetof(Real, mathType));
}

}  // namespace

TEST_CASE("the stand-ins' enumerators have NVIDIA's values") {
#define VITRINE_SAME(name, value)                            \
    CHECK_MESSAGE(static_cast<int>(::name) == value, #name); \
    CHECK_MESSAGE(name_of<decltype(::name)>() == name_of<decltype(stand_in::name)>(), #name);
    VITRINE_CUDNN_TYPES(VITRINE_SAME)
    VITRINE_CUDNN_WAYS(VITRINE_SAME)
    VITRINE_CUDNN_FORMATS(VITRINE_SAME)
    VITRINE_CUDNN_POOLING(VITRINE_SAME)
    VITRINE_CUDNN_NORMS(VITRINE_SAME)
    VITRINE_CUDNN_GRADIENTS(VITRINE_SAME)
    VITRINE_CUBLAS_ENUMERATIONS(VITRINE_SAME)
#undef VITRINE_SAME
    CHECK(stand_in_epsilon == CUDNN_BN_MIN_EPSILON);
    CHECK(stand_in_major == CUDNN_MAJOR);
}

TEST_CASE("the stand-ins' functions have NVIDIA's signatures") {
#define VITRINE_SAME(name) \
    CHECK_MESSAGE(name_of<decltype(&::name)>() == name_of<decltype(&stand_in::name)>(), #name);
    VITRINE_CUDNN_FUNCTIONS(VITRINE_SAME)
    VITRINE_CUBLAS_FUNCTIONS(VITRINE_SAME)
#undef VITRINE_SAME
}

TEST_CASE("the stand-ins' lists of algorithms have NVIDIA's layout") {
    compare_performance<stand_in::cudnnConvolutionFwdAlgoPerf_t, ::cudnnConvolutionFwdAlgoPerf_t>();
    compare_performance<stand_in::cudnnConvolutionBwdDataAlgoPerf_t, ::cudnnConvolutionBwdDataAlgoPerf_t>();
    compare_performance<stand_in::cudnnConvolutionBwdFilterAlgoPerf_t,
                        ::cudnnConvolutionBwdFilterAlgoPerf_t>();
}

#else

TEST_CASE("the stand-ins' headers are NVIDIA's") {
    MESSAGE("skipped: the headers of CUDA, cuDNN 9 and cuBLAS are not installed");
}

#endif

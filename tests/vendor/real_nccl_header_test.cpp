// The stand-in's header against NCCL's own, where that is installed: see real_headers_test.cpp.

#include <doctest/doctest.h>

#ifdef VITRINE_REAL_HEADERS

#include "kernels/cuda/nccl/functions.h"
#include "tests/vendor/type_name.h"

#define VITRINE_STAND_IN_FUNCTION
namespace stand_in {
#include "tests/vendor/stand_in/nccl.h"
}  // namespace stand_in

constexpr int stand_in_major = NCCL_MAJOR;
#undef NCCL_MAJOR
#undef NCCL_UNIQUE_ID_BYTES

#include <nccl.h>

using vitrine::tests::name_of;

TEST_CASE("the stand-in's enumerators have NCCL's values") {
#define VITRINE_SAME(name, value)                            \
    CHECK_MESSAGE(static_cast<int>(::name) == value, #name); \
    CHECK_MESSAGE(name_of<decltype(::name)>() == name_of<decltype(stand_in::name)>(), #name);
    VITRINE_NCCL_ENUMERATIONS(VITRINE_SAME)
#undef VITRINE_SAME
    CHECK(stand_in_major == NCCL_MAJOR);
    CHECK(sizeof(stand_in::ncclUniqueId) == sizeof(::ncclUniqueId));
}

TEST_CASE("the stand-in's functions have NCCL's signatures") {
#define VITRINE_SAME(name) \
    CHECK_MESSAGE(name_of<decltype(&::name)>() == name_of<decltype(&stand_in::name)>(), #name);
    VITRINE_NCCL_FUNCTIONS(VITRINE_SAME)
#undef VITRINE_SAME
}

#else

TEST_CASE("the stand-in's header is NCCL's") { MESSAGE("skipped: NCCL's header is not installed"); }

#endif

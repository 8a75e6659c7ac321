// The reader of ptxas's reports, on texts as the compiler prints them.

#include <doctest/doctest.h>

#include <string>

#include "kernels/error.h"
#include "lab/resources/report/ptxas_report.h"

namespace vitrine::resources {
namespace {

const std::string add_report = R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN7vitrine4cuda38_GLOBAL__N__e620751e_6_add_cu_21406cbb9add_packsIfEEvPKT_S5_PS3_l' for 'sm_75'
ptxas info    : Function properties for _ZN7vitrine4cuda38_GLOBAL__N__e620751e_6_add_cu_21406cbb9add_packsIfEEvPKT_S5_PS3_l
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 20 registers, used 1 barriers, 8192 bytes smem, 472 bytes cmem[0], 8 bytes cmem[2]
ptxas info    : Compile time = 1.450 ms
ptxas info    : Compiling entry function 'plain_c_name' for 'sm_90a'
ptxas info    : Function properties for plain_c_name
    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 16 bytes cumulative stack size
)";

/// The report with a kernel of the same form in which one number is another.
std::string with(const std::string& from, const std::string& to) {
    std::string text = add_report;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("every number of a ptxas report is read") {
    const auto kernels = parse_ptxas_report(add_report, "add.cu");
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[0].file == "add.cu");
    CHECK(short_name(kernels[0].symbol) == "add_packs<float>");
    CHECK(kernels[0].architecture == 75);
    CHECK(kernels[0].registers == 20);
    CHECK(kernels[0].barriers == 1);
    CHECK(kernels[0].shared_bytes == 8192);
    CHECK(kernels[0].constant_bytes == 480);
    CHECK(kernels[0].stack_bytes == 0);
    CHECK_FALSE(kernels[0].spills());
    CHECK(kernels[1].architecture == 90);
    CHECK(kernels[1].registers == 255);
    CHECK(kernels[1].stack_bytes == 16);
    CHECK(short_name(kernels[1].symbol) == "plain_c_name");
}

TEST_CASE("a planted spill is seen, of stores and of loads") {
    const std::string none = "0 bytes spill stores, 0 bytes spill loads";
    CHECK(parse_ptxas_report(with(none, "24 bytes spill stores, 0 bytes spill loads"), "add.cu")[0].spills());
    CHECK(parse_ptxas_report(with(none, "0 bytes spill stores, 4 bytes spill loads"), "add.cu")[0].spills());
}

TEST_CASE("what a called function spills is the kernel's") {
    const std::string used = "ptxas info    : Used 20";
    const auto kernels =
        parse_ptxas_report(with(used,
                                "ptxas info    : Function properties for __internal_slow_path\n"
                                "    8 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n" +
                                    used),
                           "add.cu");
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[0].spill_store_bytes == 8);
    CHECK(kernels[0].spill_load_bytes == 12);
    CHECK_FALSE(kernels[1].spills());
}

TEST_CASE("a report that says less than expected is an error, not a kernel without spills") {
    const std::string used =
        "ptxas info    : Used 20 registers, used 1 barriers, 8192 bytes smem, 472 bytes "
        "cmem[0], 8 bytes cmem[2]\n";
    CHECK_THROWS_AS(parse_ptxas_report(with(used, ""), "add.cu"), Error);
    CHECK_THROWS_AS(
        parse_ptxas_report(with("    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n", ""),
                           "add.cu"),
        Error);
    CHECK_THROWS_AS(parse_ptxas_report(with("0 bytes spill stores", "no spill stores"), "add.cu"), Error);
    CHECK_THROWS_AS(parse_ptxas_report(add_report.substr(0, 300), "add.cu"), Error);
    CHECK_THROWS_AS(parse_ptxas_report(with("for 'sm_75'", "for an unknown GPU"), "add.cu"), Error);
    CHECK(parse_ptxas_report("ptxas info    : 0 bytes gmem\n", "table.cu").empty());
}

TEST_CASE("names are shortened, whatever their templates") {
    CHECK(short_name(
              "_ZN7vitrine4cuda12over_columnsINS0_6SingleIdEENS0_46_GLOBAL__N__fd96e642_13_batch_norm_cu_"
              "85209ef112GradientSumsIdEEEEvNS0_7ColumnsET0_PNS8_7ElementE") ==
          "over_columns<Single<double>, GradientSums<double> >");
    CHECK(short_name("main") == "main");
}

}  // namespace vitrine::resources

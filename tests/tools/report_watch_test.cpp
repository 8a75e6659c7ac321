// What a report makes of watch.jsonl: rows by name, lines that come again, damage, and many lines thinned out.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/tools/program.h"
#include "tests/tools/report_support.h"
#include "tools/report/page_data.h"
#include "tools/report/report.h"

namespace vitrine::tests {
namespace {

std::string line(int step, const std::string& layer, const std::string& weight) {
    return fmt::format(
        R"({{"step": {}, "epoch": {}, "layers": {{{}}}, "weights": {{{}}}, "norms_and_biases": {{}}}})"
        "\n",
        step, 0.25 * step, layer, weight);
}

struct Fixture {
    Json watched(const std::string& lines) {
        write_text(folder.path() / "run.json", "{}");
        write_text(folder.path() / "watch.jsonl", lines);
        run = report::read_run(folder.path());
        return report::page_data(run)["watched"];
    }
    TemporaryFolder folder;
    report::RunFiles run;
};

TEST_CASE_FIXTURE(Fixture, "report: figures of watch.jsonl by row, with gaps where a line has no such row") {
    const Json data =
        watched(line(1, R"("a conv": [0, 0.5, null, null, null, 2])", R"("w": [4, 2, 0.123456])") +
                line(2, R"("b relu": [1, 2, 0.25, 0, 0, null])", R"("w": [4, 1e300, 0.2])"));
    CHECK(data["steps"] == Json{1, 2});
    CHECK(data["epochs"] == Json{0.25, 0.5});
    CHECK(data["lines"] == 2);
    const Json a = {{"name", "a conv"},
                    {"mean", {0.0, nullptr}},
                    {"deviation", {0.5, nullptr}},
                    {"gradient", {2.0, nullptr}}};
    CHECK(data["layers"][0] == a);
    CHECK(data["layers"][1]["zeros"] == Json{nullptr, 0.25});
    CHECK_FALSE(data["layers"][1].contains("gradient"));
    CHECK(data["weights"][0] ==
          Json{{"name", "w"}, {"value", {4.0, 4.0}}, {"gradient", {2.0, nullptr}}, {"update", {0.123, 0.2}}});
    CHECK(data["norms_and_biases"] == Json::array());
    CHECK(run.unreadable.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "report: lines of watch.jsonl that come again replace, and damaged ones are named") {
    std::string lines;
    for (const int step : {1, 5, 10, 15, 10})
        lines += line(step, "", fmt::format(R"("w": [1, 1, {}])", step));
    lines += "[1]\n" + line(20, R"("a": 1, "b": [1], "c": {})", R"("w": [1, 2])") + "{\"step\": 25, \"epo";
    const Json data = watched(lines);
    CHECK(data["steps"] == Json{1, 5, 10, 20});
    CHECK(data["weights"][0]["update"] == Json{1.0, 5.0, 10.0, nullptr});
    CHECK(data["layers"].empty());
    CHECK(run.unreadable == std::vector<std::string>{"watch.jsonl, line 6"});

    CHECK(watched("") == Json::object());
    CHECK(watched("{\"step\": 3}\n")["steps"] == Json{3});
    // As much as a hostile file can ask for: rows without end.
    std::string rows;
    for (int step = 1; step <= 50; ++step) {
        std::string names;
        for (int i = 0; i < 100; ++i)
            names += fmt::format("{}\"{}\":[1,1,1]", i == 0 ? "" : ",", 100 * step + i);
        rows += line(step, "", names);
    }
    CHECK(watched(rows)["weights"].size() == 4000);
}

TEST_CASE_FIXTURE(
    Fixture, "report: of many watched steps as many are drawn as a map has columns, the last among them") {
    std::string lines;
    for (int step = 1; step <= 1003; ++step) lines += line(step, "", R"("w": [1, 1, 1])");
    const Json data = watched(lines);
    CHECK(data["lines"] == 1003);
    CHECK(data["steps"].size() <= 120);
    CHECK(data["steps"].size() > 100);
    CHECK(data["steps"].back() == 1003);
    CHECK(data["weights"][0]["value"].size() == data["steps"].size());

    const Json page = data_of(report::report_html({run, run}));
    CHECK_FALSE(page["runs"][0].contains("watched"));
    CHECK(data_of(report::report_html({run}))["runs"][0].contains("watched"));
}

}  // namespace
}  // namespace vitrine::tests

// Reports of runs: what is read of a folder, what goes into the page, and the program.

#include "tools/report/report.h"
#include "tools/report/run_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "engine/error.h"
#include "tests/error_of.h"
#include "tests/tools/program.h"
#include "tests/tools/report_support.h"
#include "tools/common/base64.h"
#include "tools/report/page_data.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

TEST_CASE("base64: the vectors of RFC 4648, and bytes above 127") {
    CHECK(tools::base64("") == "");
    CHECK(tools::base64("f") == "Zg==");
    CHECK(tools::base64("fo") == "Zm8=");
    CHECK(tools::base64("foo") == "Zm9v");
    CHECK(tools::base64("foobar") == "Zm9vYmFy");
    CHECK(tools::base64("\xff\xfe\xfd") == "//79");
    for (const std::string bytes : {"f", "fo", "foo", "foob", "\xFF\x80\xFE\x01"})
        CHECK(tools::from_base64(tools::base64(bytes)) == bytes);
    CHECK(tools::from_base64("") == "");
    CHECK(tools::from_base64(tools::base64(std::string(3, '\0'))) == std::string(3, '\0'));
    for (const char* none : {"Zg=", "Zg", "Zh==", "====", "A===", "Zg=A", "Zm9*", "Zm9v\n"})
        CHECK(tools::from_base64(none) == std::nullopt);
}

TEST_CASE("report: links in a run's folder are named and not followed") {
    const TemporaryFolder folder;
    const fs::path run = folder.path() / "run";
    write_text(run / "run.json", R"({"model": "m", "epochs": 5})");
    write_text(folder / "secret", "{\"epoch\": 1}\n");
    for (const char* name : {"preview.png", "metrics.jsonl", "recipe.toml"})
        fs::create_symlink(folder / "secret", run / name);
    const report::RunFiles files = report::read_run(run);
    CHECK(files.preview.empty());
    CHECK(files.recipe.empty());
    CHECK(files.epochs.empty());
    CHECK(files.unreadable == std::vector<std::string>{"recipe.toml, which is a link",
                                                       "metrics.jsonl, which is a link",
                                                       "preview.png, which is a link"});
    fs::create_symlink(folder / "secret", run / "report.html");
    report::write_report(run);
    CHECK(content_of(folder.path() / "secret") == "{\"epoch\": 1}\n");
    CHECK(fs::is_regular_file(fs::symlink_status(run / "report.html")));
}

TEST_CASE("report: a run that is being written, or was killed, is read as far as it goes") {
    const TemporaryFolder folder;
    write_text(folder / "run.json", R"({"model": "m", "epochs": 5})");
    write_text(
        folder / "metrics.jsonl",
        "{\"epoch\": 1, \"val_loss\": 3.0}\n{\"epoch\": 2, \"val_loss\": null}\nnonsense\n"
        "{\"epoch\": 3, \"val_loss\": 2.0}\n{\"epoch\": 2, \"val_loss\": 2.5}\n{\"epoch\": 3, \"val_l");
    write_text(folder / "validation.json", "{\"epoch\":");
    const report::RunFiles run = report::read_run(folder.path());
    REQUIRE(run.epochs.size() == 2);
    CHECK(run.epochs[0]["val_loss"] == 3.0);
    CHECK(run.epochs[1]["val_loss"] == 2.5);  // the resumed run's line takes the place of what it repeats
    CHECK(run.unreadable == std::vector<std::string>{"metrics.jsonl, line 3", "validation.json"});
    CHECK(run.validation.empty());
    CHECK(run.steps.empty());
    CHECK(run.last_written > 1'700'000'000);
    CHECK(run.name == folder.path().filename().string());
}

TEST_CASE("report: whatever a name holds, it cannot end the page's block of JSON") {
    const TemporaryFolder folder;
    const std::string hostile = "</script><script>alert(1)</script><!--\xff";
    write_text(folder / "metrics.jsonl", "{\"epoch\": 1}\n");
    report::RunFiles run = report::read_run(folder.path());
    run.run["classes"] = {hostile};
    const std::string html = report::report_html({run});
    CHECK(html.find("alert(1)</script>") == std::string::npos);
    CHECK(html.find("<!--") == std::string::npos);
    const std::string name = data_of(html)["runs"][0]["run"]["classes"][0];
    CHECK(name == "</script><script>alert(1)</script><!--\xef\xbf\xbd");  // U+FFFD for what is not UTF-8
    for (const char* outside : {"http://", "https://", "//cdn", "@import", "url("}) {
        CAPTURE(outside);
        const size_t place = html.find(outside);
        // The name of SVG's namespace is no address.
        CHECK((place == std::string::npos || html.substr(place).starts_with("http://www.w3.org/2000/svg'")));
    }
    for (const char* marker : {"{{", "}}'", "@html@"}) CHECK(html.find(marker) == std::string::npos);
}

TEST_CASE("report: a curve that is thinned out keeps its ends and every peak's height") {
    report::Points points;
    for (int i = 0; i < 100'000; ++i) points.emplace_back(i, i == 54'321 ? 9.0 : i % 7 * 0.1);
    const report::Points kept = report::thinned(points, 1000);
    CHECK(kept.size() <= 1000);
    CHECK(kept.size() > 900);
    CHECK(std::ranges::is_sorted(kept));
    CHECK(std::ranges::find(kept, std::pair{54'321.0, 9.0}) != kept.end());
    CHECK(kept.front().first < 100);
    CHECK(kept.back().first > 99'900);
    CHECK(report::thinned({{1, 2}, {2, 3}}, 2).size() == 2);
}

TEST_CASE("report: gradient norms are averaged over the epochs that have ended") {
    report::RunFiles run;
    const std::vector<std::pair<double, double>> norms{
        {0.5, 1.0}, {1.0, 3.0}, {1.5, 4.0}, {1.9, 6.0}, {2.4, 9.0}};
    for (const auto& [epoch, norm] : norms)
        run.steps.push_back({.step = 10 * epoch, .epoch = epoch, .gradient_norm = norm});
    run.steps.insert(run.steps.begin() + 2, {.step = 12, .epoch = 1.2});
    CHECK(report::page_data(run)["gradient_norms"] == Json{{1.0, 2.0}, {2.0, 5.0}});
    CHECK(report::page_data(run)["steps"]["gradient_norm"].size() == 5);
}

TEST_CASE("report: JSON nested deeper than the stack is left out, in every file") {
    const TemporaryFolder folder;
    const std::string deep =
        R"({"epoch": 1, "step": 1, "x": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n";
    for (const char* file : {"run.json", "validation.json"}) write_text(folder / file, deep);
    for (const char* log : {"metrics.jsonl", "steps.jsonl", "timing.jsonl"})
        write_text(folder / log, deep + "{\"epoch\":1,\"step\":1}\n");
    std::string recipe = "a";
    for (int i = 0; i < 200'000; ++i) recipe += ".a";
    write_text(folder / "recipe.toml", recipe + " = 1\n");
    const report::RunFiles run = report::read_run(folder.path());
    CHECK(run.unreadable == std::vector<std::string>{"run.json", "metrics.jsonl, line 1",
                                                     "steps.jsonl, line 1", "timing.jsonl, line 1",
                                                     "validation.json"});
    CHECK(run.epochs.size() == 1);
    CHECK(run.steps.size() == 1);
    CHECK(report::page_data(run)["settings"].empty());
    CHECK(report::report_html({run}).ends_with("</html>\n"));
}

TEST_CASE("report: counters that count nothing, and lines without end, are left out and counted") {
    const TemporaryFolder folder;
    write_text(folder / "run.json", R"({"epochs": 1e400})");
    std::string lines;
    for (const char* epoch : {"\"1\"", "null", "1.5", "-1", "1e400", "1e3", "9223372036854775807",
                              "18446744073709551616", "[1]", "{}", "nan", "true"})
        lines += fmt::format("{{\"epoch\": {}}}\n", epoch);
    write_text(folder / "metrics.jsonl",
               lines + "{\"epoch\": 7, \"val_loss\": \"text\"}\n{\"epoch\": 3}\n{\"epoch\": 3}\n{\"epo");
    write_text(
        folder / "steps.jsonl",
        "{\"step\": 5, \"epoch\": null, \"loss\": \"1\"}\n{\"step\": 6, \"epoch\": 0.5, \"loss\": 2}\n");
    std::string noise;
    for (int i = 0; i < 100'000; ++i) noise += "x\n";
    write_text(folder / "timing.jsonl",
               noise + "{\"epoch\": 1, \"x\": \"" + std::string(200'000, 'x') + "\"}\n");
    const report::RunFiles run = report::read_run(folder.path());
    REQUIRE(run.epochs.size() == 1);
    CHECK(run.epochs[0]["epoch"] == 3);
    REQUIRE(run.steps.size() == 2);
    CHECK(report::page_data(run)["steps"]["loss"] == Json::parse("[[0.5, 2.0]]"));
    CHECK(run.timing.empty());
    CHECK(run.unreadable.size() == 1 + 12 + 21);
    CHECK(run.unreadable.back() == "timing.jsonl, 980 lines more, and all after line 1000");
}

TEST_CASE("report: files larger than a run could have made them are left out, unread") {
    const TemporaryFolder folder;
    write_text(folder / "run.json", "{}");
    for (const char* file :
         {"metrics.jsonl", "steps.jsonl", "timing.jsonl", "validation.json", "recipe.toml", "preview.png"}) {
        write_text(folder / file, "");
        fs::resize_file(folder / file, uintmax_t{1} << 32);  // a hole
    }
    const report::RunFiles run = report::read_run(folder.path());
    CHECK(run.unreadable.size() == 6);
    CHECK(report::report_html({run}).ends_with("</html>\n"));
}

TEST_CASE("report: write_report leaves one whole file behind") {
    const TemporaryFolder folder;
    write_text(folder / "run.json", "{}");
    report::write_report(folder.path());
    report::write_report(folder.path());
    CHECK(content_of(folder / "report.html").ends_with("</html>\n"));
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 2);
}

}  // namespace
}  // namespace vitrine::tests

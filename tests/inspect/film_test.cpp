// Films: their counts are the executor's, a planted defect is in them at its line, and requests that cannot be filmed are
// refused in a sentence.

#include "lab/inspect/film/film.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/report/runs.h"
#include "lab/inspect/film/film_page.h"
#include "lab/inspect/film/source_text.h"
#include "tests/error_of.h"
#include "tests/inspect/planted.h"
#include "tools/common/base64.h"

using namespace vitrine;
using namespace vitrine::inspect;

TEST_CASE("film: the kernel's own line of a place") {
    CHECK(kernels_line("kernels/cuda/add.cu:31").file == "kernels/cuda/add.cu");
    CHECK(kernels_line("kernels/cuda/add.cu:31").number == 31);
    CHECK(kernels_line("kernels/cuda/add.cu:31 > gpu.h:22").number == 31);
    CHECK(kernels_line("kernels/cuda/gpu.h:22 (called from kernels/cuda/add.cu:31)").file ==
          "kernels/cuda/add.cu");
    CHECK(kernels_line("kernels/cuda/gpu.h:22 (called from kernels/cuda/add.cu:31)").number == 31);
    CHECK(kernels_line("0x55d0c0ffee").file.empty());
    CHECK(source_text("kernels/cuda/add.cu").value().find("add_forward") != std::string::npos);
    CHECK(!source_text("kernels/cuda/no_such_kernel.cu").has_value());
}

#ifdef VITRINE_SIMT_HOOKS
namespace {

using Json = nlohmann::ordered_json;

/// Films of all blocks of the launch that accesses most, or of launch `launch`.
std::vector<Film> all_blocks(const gradcheck::PreparedRun& run, std::optional<uint64_t> launch) {
    std::vector<Film> films{film_of(run, {.launch = launch})};
    const dim3 grid = films.front().record.grid;
    for (unsigned block = 1; block < grid.x * grid.y * grid.z; ++block) {
        const uint3 place{block % grid.x, block / grid.x % grid.y, block / grid.x / grid.y};
        films.push_back(film_of(run, {.block = place, .launch = launch}));
    }
    return films;
}

struct Filmed {
    std::string kernel;
    std::string implementation;
    std::string shape;
    std::vector<gradcheck::Problem> (*problems)();
    std::optional<uint64_t> launch{};
};

/// Films of the first problem whose description begins with the shape.
std::vector<Film> films_of(const Filmed& wanted) {
    gradcheck::Selection selection;
    selection.kernel = [&](std::string_view kernel) { return kernel == wanted.kernel; };
    selection.implementation = [&](std::string_view, std::string_view implementation) {
        return implementation == wanted.implementation;
    };
    std::vector<Film> films;
    for (const gradcheck::Problem& problem : wanted.problems()) {
        if (!problem.shape.starts_with(wanted.shape)) continue;
        gradcheck::visit_runs(problem, selection, [&](const gradcheck::PreparedRun& run) {
            if (films.empty()) films = all_blocks(run, wanted.launch);
        });
        if (!films.empty()) break;
    }
    REQUIRE(!films.empty());
    return films;
}

/// What the page is told, summed as the page does it: by film_data.js's order of an event's numbers.
Json page_counts(const std::vector<Film>& films) {
    uint64_t requests = 0, shared_requests = 0, bytes = 0, sectors = 0, ideal_sectors = 0, passes = 0,
             ideal_passes = 0, partial = 0, barriers = 0, warp_operations = 0, multiply_adds = 0;
    const Json data = film_data(films);
    for (const Json& film : data["films"]) {
        CHECK(film["left_out"] == 0);
        for (const Json& interval : film["intervals"]) {
            barriers += interval["barrier"].is_null() ? 0 : 1;
            multiply_adds += interval["multiply_adds"].get<uint64_t>();
        }
        for (const Json& event : film["events"]) {
            const auto kind = static_cast<simt::RecordedKind>(event[0].get<int>());
            if (kind == simt::RecordedKind::finding) continue;
            if (kind > simt::RecordedKind::atomic) {
                ++warp_operations;
                continue;
            }
            const bool shared = event[7] == 1;
            (shared ? shared_requests : requests) += 1;
            const auto lanes = static_cast<uint64_t>(__builtin_popcount(event[4].get<uint32_t>()));
            if (!shared) bytes += lanes * event[6].get<uint64_t>();
            sectors += event[8].get<uint64_t>();
            ideal_sectors += event[9].get<uint64_t>();
            passes += event[10].get<uint64_t>();
            ideal_passes += event[11].get<uint64_t>();
            partial += event[4] == event[5] ? 0 : 1;
        }
    }
    return {{"requests", requests},
            {"shared_requests", shared_requests},
            {"bytes", bytes},
            {"sectors", sectors},
            {"ideal_sectors", ideal_sectors},
            {"passes", passes},
            {"ideal_passes", ideal_passes},
            {"partial", partial},
            {"barriers", barriers},
            {"warp_operations", warp_operations},
            {"multiply_adds", multiply_adds}};
}

/// A film of a planted addition of 1000 numbers.
Film film_of_addition(void (*addition)(const AddForward&, Context&)) {
    const Implementation<AddForward> list[]{{"planted", refuses_nothing, addition}};
    const Kernel<AddForward> kernel{"add_forward", list};
    KernelTable table = kernels(Device::simt);
    table.add_forward.kernel = &kernel;
    gradcheck::Selection selection;
    selection.kernel = [](std::string_view name) { return name == "add_forward"; };
    std::optional<Film> film;
    for (const gradcheck::Problem& problem : gradcheck::add_problems()) {
        if (problem.shape != "1000") continue;
        gradcheck::visit_runs(
            problem, selection,
            [&](const gradcheck::PreparedRun& run) {
                film = film_of(run, {.block = {2, 0, 0}});
            },
            table);
    }
    REQUIRE(film.has_value());
    return *film;
}

}  // namespace

TEST_CASE("film: the events of all blocks add up to the launch, of kernels of every kind") {
    const std::vector<Filmed> kernels{
        {"add_forward", "packs", "1000", gradcheck::add_problems},
        {"add_forward", "elements", "33", gradcheck::add_problems},
        {"depthwise_conv_forward", "direct", "1x8x8x32", gradcheck::depthwise_conv_problems},
        {"depthwise_conv_forward", "rows", "1x8x8x32", gradcheck::depthwise_conv_problems},
        {"depthwise_conv_backward", "rows", "2x4x4x24", gradcheck::depthwise_conv_problems},
        {"linear_forward", "register_tiled", "4x16 to 16", gradcheck::linear_problems},
        {"linear_forward", "tiled", "7x33 to 10", gradcheck::linear_problems},
        {"batch_norm_forward", "scalars", "49 rows x 33", gradcheck::batch_norm_problems, 0},
        {"batch_norm_backward", "scalars", "20 rows x 17", gradcheck::batch_norm_problems},
        {"softmax_cross_entropy_forward", "warps", "", gradcheck::softmax_cross_entropy_problems},
        {"softmax_cross_entropy_forward", "blocks", "", gradcheck::softmax_cross_entropy_problems},
    };
    for (const Filmed& wanted : kernels) {
        INFO(wanted.kernel << " " << wanted.implementation << " " << wanted.shape);
        const std::vector<Film> films = films_of(wanted);
        const Json launch = film_data({films.front()})["films"][0]["launch"];
        CHECK(page_counts(films) == launch);
        CHECK(launch["requests"] > 0);
        for (const Film& film : films) CHECK(film.record.findings.empty());
    }
}

TEST_CASE("film: operands by name, and scratch memory") {
    const std::vector<Film> films = films_of({"add_forward", "elements", "33", gradcheck::add_problems});
    const Json memory = film_data(films)["films"][0]["memory"];
    REQUIRE(memory.size() == 3);
    for (const Json& each : memory) {
        CHECK(each["dtype"] == "f32");
        CHECK(each["bytes"] == 33 * 4);
        CHECK(each["shared"] == false);
    }
    const Json sources = film_data(films)["sources"];
    REQUIRE(sources.contains("kernels/cuda/add.cu"));
}

TEST_CASE("film: a deleted barrier is a race at its line") {
    const Film right = film_of_addition(test::add_through_shared);
    CHECK(right.record.findings.empty());
    CHECK(right.record.intervals.size() == 2);

    const Film wrong = film_of_addition(test::add_through_shared_without_barrier);
    // Beside the race there are reads of what nobody has written yet.
    const std::vector<simt::RecordedFinding>& findings = wrong.record.findings;
    const auto race = std::ranges::find(findings, "race in shared memory", &simt::RecordedFinding::kind);
    REQUIRE(race != findings.end());
    const std::string source = source_text("tests/inspect/planted.cu").value();
    const auto line_with = [&](const char* code) {
        const auto end = source.begin() + static_cast<std::ptrdiff_t>(source.find(code));
        return static_cast<int>(std::count(source.begin(), end, '\n')) + 1;
    };
    // Whichever thread comes second shows it: at the write, of what another has read, or at the read.
    const SourceLine place = kernels_line(race->where);
    CHECK(place.file == "tests/inspect/planted.cu");
    const int write = line_with("sums[threadIdx.x] ="), read = line_with("const T sum =");
    CHECK((place.number == write || place.number == read));
    const int other = place.number == write ? read : write;
    CHECK(race->message.find("planted.cu:" + std::to_string(other)) != std::string::npos);

    const Json data = film_data({wrong})["films"][0];
    const auto number = static_cast<size_t>(race - findings.begin());
    const auto event = std::ranges::find_if(data["events"], [&](const Json& each) {
        return each[0] == static_cast<int>(simt::RecordedKind::finding) && each[12] == number;
    });
    REQUIRE(event != data["events"].end());
    CHECK(data["lines"][(*event)[3].get<size_t>()]["number"] == place.number);
    CHECK(data["findings"][number]["message"] == race->message);
}

TEST_CASE("film: what cannot be filmed is refused in a sentence") {
    const auto said = [](const FilmRequest& request) { return error_of([&] { make_film(request); }); };
    CHECK(said({.kernel = "multiply"}).find("there is no such kernel; choose one of") != std::string::npos);
    CHECK(said({.kernel = "add_forward", .implementation = "rows"}) ==
          "add_forward has no implementation 'rows': choose one of packs, elements");
    CHECK(said({.kernel = "add_forward", .shape = "7x7"})
              .starts_with("--shape 7x7: no problem of add_forward is described so; there are "));
    CHECK(said({.kernel = "add_forward", .shape = "33", .block = {9, 0, 0}})
              .starts_with("--block 9,0,0: the grid of "));
    CHECK(said({.kernel = "add_forward", .shape = "33", .launch = 1}) ==
          "--launch 1: the kernel makes 1 launch, counted from 0");
}
#endif

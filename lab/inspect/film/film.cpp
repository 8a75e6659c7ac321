// Filming a kernel: see film.h.

#include "lab/inspect/film/film.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "kernels/error.h"
#include "kernels/simt/launch.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/report/runs.h"

namespace vitrine::inspect {
namespace {

using gradcheck::PreparedRun;
using gradcheck::Problem;
using gradcheck::Selection;

/// Findings are what somebody wants to see: they end nothing while this lives.
class Watching {
  public:
    explicit Watching(bool check) : before_(simt::settings()) {
        simt::take_reports();
        simt::set_settings({.check = check, .throw_findings = false, .keep_reports = true});
    }
    ~Watching() {
        simt::set_settings(before_);
        simt::take_reports();
    }
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

  private:
    simt::Settings before_;
};

uint64_t bytes_accessed(const simt::LaunchReport& launch) {
    return launch.global_bytes_read + launch.global_bytes_written + launch.shared_bytes_read +
           launch.shared_bytes_written;
}

std::vector<simt::LaunchReport> launches_of(const PreparedRun& run) {
    run.launch.run(run.implementation);
    std::vector<simt::LaunchReport> launches = simt::take_reports();
    if (!launches.empty()) return launches;
    const std::vector<std::string> violations = run.launch.violations();
    throw Error(fmt::format("{} {} [{}]: {}", run.pass.kernel, run.implementation.name, run.problem.shape,
                            violations.empty() ? "it launches nothing" : violations.front()));
}

uint64_t chosen_launch(const FilmRequest& request, const std::vector<simt::LaunchReport>& launches) {
    if (!request.launch) {
        const auto most = std::ranges::max_element(launches, {}, bytes_accessed);
        return static_cast<uint64_t>(most - launches.begin());
    }
    if (*request.launch >= launches.size()) {
        throw Error(fmt::format("--launch {}: the kernel makes {} launch{}, counted from 0", *request.launch,
                                launches.size(), launches.size() == 1 ? "" : "es"));
    }
    return *request.launch;
}

void require_block(const uint3& block, const simt::LaunchReport& launch) {
    const dim3& grid = launch.grid;
    if (block.x < grid.x && block.y < grid.y && block.z < grid.z) return;
    throw Error(fmt::format("--block {},{},{}: the grid of {} is {} x {} x {} blocks, counted from 0",
                            block.x, block.y, block.z, launch.kernel, grid.x, grid.y, grid.z));
}

std::vector<FilmTensor> tensors_of(const gradcheck::Launch& launch) {
    std::vector<FilmTensor> tensors;
    for (const gradcheck::Slot& slot : launch.slots()) {
        if (!slot.shares.empty()) continue;
        tensors.push_back({slot.name, slot.dtype, reinterpret_cast<uintptr_t>(launch.memory_of(slot.name)),
                           static_cast<uint64_t>(slot.count) * size_of(slot.dtype)});
    }
    return tensors;
}

/// The names that the request may have meant.
class Names {
  public:
    void add(const std::string& name) {
        if (std::ranges::find(names_, name) == names_.end()) names_.push_back(name);
    }
    bool empty() const { return names_.empty(); }
    std::string list() const { return fmt::format("{}", fmt::join(names_, ", ")); }

  private:
    std::vector<std::string> names_;
};

void require_kernel(const FilmRequest& request) {
    Names kernels;
    Names implementations;
    bool has_implementation = request.implementation.empty();
    for_each_kernel(Device::simt, [&](const auto& kernel) {
        kernels.add(kernel->name());
        if (kernel->name() != request.kernel) return;
        for (const auto& implementation : kernel->implementations()) {
            implementations.add(implementation.name);
            has_implementation = has_implementation || implementation.name == request.implementation;
        }
    });
    if (implementations.empty()) {
        throw Error(fmt::format("NAME {}: there is no such kernel; choose one of {}", request.kernel,
                                kernels.list()));
    }
    if (!has_implementation) {
        throw Error(fmt::format("{} has no implementation '{}': choose one of {}", request.kernel,
                                request.implementation, implementations.list()));
    }
}

/// The suites that have the kernel, so that the problems of all others are not made.
std::vector<gradcheck::Suite> suites_of(const std::string& kernel) {
    std::vector<gradcheck::Suite> suites;
    for (const gradcheck::Suite& suite : gradcheck::all_suites()) {
        if (kernel == suite.op || kernel == suite.op + "_forward" || kernel == suite.op + "_backward") {
            suites.push_back(suite);
        }
    }
    return suites;
}

}  // namespace

Film film_of(const gradcheck::PreparedRun& run, const FilmRequest& request) {
    Film film{run.pass.kernel, run.implementation.name, run.problem.shape, {}, 0, {}, tensors_of(run.launch)};
    {
        const Watching watching(true);
        film.launches = launches_of(run);
    }
    film.filmed = chosen_launch(request, film.launches);
    require_block(request.block, film.launch());
    const Watching watching(false);  // but for the one launch
    simt::record_block({.launch = film.filmed, .block = request.block});
    std::vector<simt::LaunchReport> launches = launches_of(run);
    std::optional<simt::BlockRecord> record = simt::take_record();
    if (!record) {
        throw Error(
            "this build's sanitizer stands where accesses would be watched; build the preset release");
    }
    film.record = std::move(*record);
    film.launches[film.filmed] = std::move(launches.at(film.filmed));
    return film;
}

Film make_film(const FilmRequest& request) {
    require_kernel(request);
    Selection selection;
    selection.kernel = [&](std::string_view kernel) { return kernel == request.kernel; };
    selection.implementation = [&](std::string_view, std::string_view implementation) {
        return request.implementation.empty() || implementation == request.implementation;
    };
    std::optional<Film> film;
    bool shape_fits = false;
    Names shapes;
    const auto look_at = [&](const std::vector<Problem>& problems) {
        for (const Problem& problem : problems) {
            shapes.add(problem.shape);
            if (problem.shape.find(request.shape) == std::string::npos) continue;
            shape_fits = true;
            gradcheck::visit_runs(problem, selection, [&](const PreparedRun& run) {
                if (!film) film = film_of(run, request);
            });
            if (film) return;
        }
    };
    for (const gradcheck::Suite& suite : suites_of(request.kernel)) {
        if (!film) look_at(suite.layers());
        if (!film) look_at(suite.problems());
    }
    if (film) return std::move(*film);
    if (!shape_fits) {
        throw Error(fmt::format("--shape {}: no problem of {} is described so; there are {}", request.shape,
                                request.kernel, shapes.list()));
    }
    throw Error(fmt::format(
        "{} takes none of these problems",
        request.implementation.empty() ? request.kernel : request.kernel + " " + request.implementation));
}

}  // namespace vitrine::inspect

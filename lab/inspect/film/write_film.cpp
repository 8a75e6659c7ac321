// inspect kernel's work: see write_film.h.

#include "lab/inspect/film/write_film.h"

#include <fmt/format.h>

#include <iostream>

#include "engine/atomic_file.h"
#include "engine/escape.h"
#include "lab/inspect/film/film_page.h"
#include "tools/common/output_file.h"

namespace vitrine::inspect {
namespace {

std::string summary(const Film& film) {
    const simt::BlockRecord& record = film.record;
    std::string text = fmt::format("{} {} [{}]\n  {}, block ({}, {}, {}) of {} x {} x {}, launch {} of {}\n",
                                   film.kernel, film.implementation, film.shape, record.kernel,
                                   record.place.x, record.place.y, record.place.z, record.grid.x,
                                   record.grid.y, record.grid.z, film.filmed, film.launches.size());
    text += fmt::format("  {} events in {} interval{}", record.events.size(), record.intervals.size(),
                        record.intervals.size() == 1 ? "" : "s");
    if (record.left_out > 0) text += fmt::format("; {} accesses more have no room", record.left_out);
    text += '\n';
    for (const simt::RecordedFinding& finding : record.findings) {
        text += fmt::format("  {} at {}: thread ({}, {}, {}) {}\n", finding.kind, finding.where,
                            finding.thread.x, finding.thread.y, finding.thread.z, finding.message);
    }
    return text;
}

}  // namespace

void write_film(const FilmOptions& options) {
    const std::string out = options.out.empty() ? options.kernel + ".html" : options.out;
    FilmRequest request{options.kernel, options.implementation, options.shape, options.block, {}};
    if (options.launch >= 0) request.launch = static_cast<uint64_t>(options.launch);
    if (!options.out.empty()) tools::check_output_file("--out", out);
    std::vector<Film> films{make_film(request)};
    if (!options.beside.empty()) {
        request.implementation = options.beside;
        request.shape = films.front().shape;
        request.launch.reset();
        films.push_back(make_film(request));
    }
    write_atomically(out, {film_html(films)}, Links::follow);
    for (const Film& film : films) std::cout << summary(film);
    std::cout << escape(out) << '\n';
}

}  // namespace vitrine::inspect

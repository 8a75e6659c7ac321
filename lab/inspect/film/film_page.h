// A film as a page for a browser: one file, with everything inside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lab/inspect/film/film.h"

namespace vitrine::inspect {

/// What the page's script is given (page/film_data.js reads it): a film, or two of one problem side by side.
nlohmann::ordered_json film_data(const std::vector<Film>& films);

std::string film_html(const std::vector<Film>& films);

}  // namespace vitrine::inspect

namespace vitrine::inspect::film {

/// The page without its numbers, as the build put it together from the files in lab/inspect/film/page/.
extern const char* const page;

}  // namespace vitrine::inspect::film

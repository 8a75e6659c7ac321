// Stands in for the films in a build without the simt device (VITRINE_SIMT=OFF).

#include "kernels/kernels.h"
#include "lab/inspect/film/write_film.h"

namespace vitrine::inspect {

void write_film(const FilmOptions&) {
    listed_kernels(Device::simt);  // says that there is none
}

}  // namespace vitrine::inspect

// Names without namespaces and spaces: see plain_name.h.

#include "lab/predict/plain_name.h"

#include <string_view>

namespace vitrine::predict {

std::string plain_name(std::string name) {
    for (const std::string_view part :
         {"vitrine::cuda::", "vitrine::simt::", "vitrine::", "(anonymous namespace)::", " "}) {
        for (size_t at = name.find(part); at != std::string::npos; at = name.find(part, at))
            name.erase(at, part.size());
    }
    return name;
}

}  // namespace vitrine::predict

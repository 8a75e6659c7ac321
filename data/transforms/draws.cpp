// Filling the buffer of Draws: see draws.h.

#include "data/transforms/draws.h"

#include <cmath>
#include <numbers>

namespace vitrine {

/// Two blocks at once: neither waits for the other, so a processor computes both in the time of one.
void Draws::refill() {
    const PhiloxWords first = random_words(key_, next_ / 2), second = random_words(key_, next_ / 2 + 1);
    ready_ = {uniform_from_words(first[0], first[1]), uniform_from_words(first[2], first[3]),
              uniform_from_words(second[0], second[1]), uniform_from_words(second[2], second[3])};
}

/// Box and Muller's, of which the other number is left.
double Draws::normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - next()));
    return radius * std::cos(2.0 * std::numbers::pi * next());
}

}  // namespace vitrine

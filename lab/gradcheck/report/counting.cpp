// The executor's settings while it counts.

#include "lab/gradcheck/report/counting.h"

namespace vitrine::gradcheck {

Counting::Counting() : before_(simt::settings()) {
    simt::take_reports();
    simt::set_settings({.check = true, .count_traffic = true, .keep_reports = true});
}

Counting::~Counting() {
    simt::set_settings(before_);
    simt::take_reports();
}

}  // namespace vitrine::gradcheck

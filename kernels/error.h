// The one exception for everything a user can put right: bad arguments, bad files, an absent device.
//
// The message is one sentence that says what is wrong, where, and what is allowed. Programs print it and exit
// with code 2. A broken promise inside the engine is a std::logic_error instead.
#pragma once

#include <stdexcept>

namespace vitrine {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace vitrine

// What launchers tell the processes that they launch, by environment variables.
#pragma once

#include <string>

namespace vitrine {

/// How the processes of a launcher find each other.
enum class Meeting : unsigned char {
    by_mpi,      // kernels/mpi
    by_address,  // kernels/sockets: MASTER_ADDR and MASTER_PORT say where
    never,
};

struct Launched {
    const char* launcher = "";  // its name
    int processes = 1;          // 1: this one by itself
    int rank = 0;               // by_address: of this one, from 0
    Meeting meeting = Meeting::by_mpi;
};

/// What the variables of the innermost launcher say. Throws Error where they contradict themselves.
Launched launched();

bool is_set(const char* variable);

/// A variable that holds a whole number from `least` to `most`. Throws Error, which names it and them.
int number_in(const char* variable, int least, int most);

}  // namespace vitrine

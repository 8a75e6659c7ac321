// What both stand-in libraries do around each call: count it, fail where a test wants that, and put what is
// wrong into a status and a sentence.
#pragma once

#include <string>

namespace vitrine::stand_in {

/// What is wrong with a call: the library's status and a sentence of ours.
struct Wrong {
    int status;
    std::string sentence;
};

/// Counts a call. Where the environment's VITRINE_STAND_IN_FAILS names the function ("cudnnCreate=1001", with
/// commas between several), returns that status; "cudnnCreate=abort" ends the process. Else 0.
int begin_call(const char* function);

/// What is wrong with the last call of this thread that failed.
std::string& last_sentence();

template <class Status, class Body>
Status call(const char* function, Body body) {
    if (const int wanted = begin_call(function); wanted != 0) {
        last_sentence() = "a test wants this to fail";
        return static_cast<Status>(wanted);
    }
    try {
        body();
        return Status{};
    } catch (const Wrong& wrong) {
        last_sentence() = wrong.sentence;
        return static_cast<Status>(wrong.status);
    }
}

}  // namespace vitrine::stand_in

/// How often a function of this library has been called.
extern "C" long vitrine_stand_in_calls(const char* function);

// Python's pickles as data: containers, numbers and texts. Nothing that a pickle asks for is ever run.
//
// A pickle is a program for a small machine: opcodes push values, a mark and what lies above it become a container, a memo
// lends values a number by which they are used again. Three opcodes reach out: GLOBAL names anything that Python could
// import, REDUCE calls it, BUILD sets its state. Here a name must be on the reader's list, and a call stays what it is:
// a value that says what would be called with which arguments.
//
// Read are protocols 2 to 5. Containers of the standard library that protocol 2 has no opcodes for (OrderedDict, Counter, set,
// bytes) become what they are; an argparse.Namespace, which has nothing but attributes, becomes an empty dict. Source of the
// opcodes: CPython, Lib/pickletools.py.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

struct PickleValue {
    enum class Kind : unsigned char {
        none,
        boolean,  // integer: 0 or 1
        integer,  // of up to 64 bits; larger ones are refused
        real,
        text,   // UTF-8
        bytes,  // in text
        list,
        tuple,
        dict,  // items: key, value, key, value, …
        set,
        global,      // text: "torch.FloatStorage"
        call,        // items: what is called, then its arguments
        persistent,  // items: the id of something outside the pickle
    };
    Kind kind = Kind::none;
    int64_t integer = 0;
    double real = 0.0;
    std::string text;
    std::vector<const PickleValue*> items;  // may contain the value itself, as Python's containers may

    bool is(Kind wanted) const { return kind == wanted; }
    /// Of a dict; null if it has no such key.
    const PickleValue* find(std::string_view key) const;
};

/// For sentences: "a list".
std::string_view name_of(PickleValue::Kind kind);

/// Keeps all values of one pickle.
struct Pickle {
    std::deque<PickleValue> values;
    const PickleValue* top = nullptr;
};

/// Throws Error, a sentence with the pickle as its subject ("ends too early"), for whatever is damaged, is no protocol
/// from 2 to 5, or names a global that is not `allowed`: "asks for os.system; …".
Pickle parse_pickle(std::string_view bytes, const std::function<bool(std::string_view global)>& allowed);

}  // namespace vitrine

// The few instructions of Python's pickle that a state_dict takes, in protocol 2: what every PyTorch reads, with
// weights_only too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vitrine::exporting {

/// A program for a stack machine that builds one object. Each function appends an instruction, named as in pickletools.
class PickleWriter {
  public:
    PickleWriter();

    void none() { code_ += 'N'; }
    void boolean(bool value) { code_ += value ? '\x88' : '\x89'; }
    void integer(int64_t value);
    void real(double value);
    void text(std::string_view value);  // UTF-8

    /// A name that is imported: "collections", "OrderedDict".
    void global(std::string_view module, std::string_view name);
    void mark() { code_ += '('; }
    void empty_tuple() { code_ += ')'; }
    void tuple() { code_ += 't'; }  // of all since the mark
    void empty_list() { code_ += ']'; }
    void appends() { code_ += 'e'; }  // all since the mark, to the list below it
    void empty_dict() { code_ += '}'; }
    void set_items() { code_ += 'u'; }   // keys and values since the mark, in the dictionary below it
    void reduce() { code_ += 'R'; }      // calls what is below a tuple with it
    void persistent() { code_ += 'Q'; }  // what the reader finds under the object on top

    /// The whole program.
    std::string finish();

  private:
    /// `bytes` bytes of a number, the lowest first.
    void little_endian(uint64_t value, int bytes);

    std::string code_;
};

}  // namespace vitrine::exporting

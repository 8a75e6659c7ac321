// Python's pickles as data: see pickle.h.

#include "engine/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/pickle_input.h"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;
using Items = std::vector<const PickleValue*>;

constexpr size_t most_values = 1'000'000;

/// A command line as argparse leaves it, which scripts save beside their weights: an object without items.
constexpr const char* arguments_of_a_program = "argparse.Namespace";

/// What protocol 2 writes by name; later ones have opcodes for most of it.
constexpr std::array containers{"collections.OrderedDict", "collections.Counter",   "builtins.set",
                                "__builtin__.set",         "builtins.frozenset",    "builtins.bytearray",
                                "__builtin__.frozenset",   "__builtin__.bytearray", "_codecs.encode",
                                "builtins.bytes",          "__builtin__.bytes",     arguments_of_a_program};

class Machine {
  public:
    Machine(std::string_view bytes, const std::function<bool(std::string_view)>& allowed)
        : input_(bytes), allowed_(allowed), budget_(4 * bytes.size()) {}

    Pickle run() {
        if (input_.empty() || input_.take(1) != "\x80")
            throw Error("does not begin as one of protocol 2 to 5");
        const uint64_t protocol = input_.number(1);
        if (protocol < 2 || protocol > 5)
            throw Error(fmt::format("is of protocol {}, but 2 to 5 are read", protocol));
        while (!stopped_) step(static_cast<unsigned char>(input_.take(1)[0]));
        if (!input_.empty()) throw Error("goes on behind its end");
        return std::move(pickle_);
    }

  private:
    void step(unsigned char opcode) {
        if (!constant(opcode) && !text(opcode) && !container(opcode) && !memo(opcode) && !beyond(opcode))
            throw Error(fmt::format("has the opcode 0x{:02x}, which torch.save does not write", opcode));
    }

    bool constant(unsigned char opcode) {
        switch (opcode) {
            case 'N':
                return push(Kind::none);
            case 0x88:
                return push_integer(Kind::boolean, 1);
            case 0x89:
                return push_integer(Kind::boolean, 0);
            case 'K':
                return push_integer(Kind::integer, static_cast<int64_t>(input_.number(1)));
            case 'M':
                return push_integer(Kind::integer, static_cast<int64_t>(input_.number(2)));
            case 'J':
                return push_integer(Kind::integer, static_cast<int32_t>(input_.number(4)));
            case 0x8a:
                return push_long(input_.number(1));
            case 0x8b:
                return push_long(input_.number(4));
            case 'G': {
                const uint64_t bits = __builtin_bswap64(input_.number(8));  // the one that is big-endian
                make(Kind::real).real = std::bit_cast<double>(bits);
                return true;
            }
            default:
                return false;
        }
    }

    bool text(unsigned char opcode) {
        switch (opcode) {
            case 0x8c:
                return push_text(Kind::text, input_.number(1));
            case 'X':
                return push_text(Kind::text, input_.number(4));
            case 0x8d:
                return push_text(Kind::text, input_.number(8));
            case 'U':  // Python 2's texts
                return push_text(Kind::text, input_.number(1));
            case 'T':
                return push_text(Kind::text, input_.number(4));
            case 'C':
                return push_text(Kind::bytes, input_.number(1));
            case 'B':
                return push_text(Kind::bytes, input_.number(4));
            case 0x8e:
            case 0x96:
                return push_text(Kind::bytes, input_.number(8));
            default:
                return false;
        }
    }

    bool container(unsigned char opcode) {
        switch (opcode) {
            case '(':
                marks_.push_back(stack_.size());
                return true;
            case ']':
                return push(Kind::list);
            case ')':
                return push(Kind::tuple);
            case '}':
                return push(Kind::dict);
            case 0x8f:
                return push(Kind::set);
            case 'l':
                return push_items(Kind::list, above_mark());
            case 't':
                return push_items(Kind::tuple, above_mark());
            case 'd':
                return push_items(Kind::dict, above_mark());
            case 0x91:
                return push_items(Kind::set, above_mark());
            case 0x85:
            case 0x86:
            case 0x87:
                return push_items(Kind::tuple, pop_many(opcode - 0x84u));
            case 'a':
                return extend(Kind::list, pop_many(1));
            case 'e':
                return extend(Kind::list, above_mark());
            case 's':
                return extend(Kind::dict, pop_many(2));
            case 'u':
                return extend(Kind::dict, above_mark());
            case 0x90:
                return extend(Kind::set, above_mark());
            case '0':
                pop();
                return true;
            case '1':
                above_mark();
                return true;
            default:
                return false;
        }
    }

    bool memo(unsigned char opcode) {
        switch (opcode) {
            case 'q':
                return remember(input_.number(1));
            case 'r':
                return remember(input_.number(4));
            case 0x94:
                return remember(memo_.size());
            case 'h':
                return recall(input_.number(1));
            case 'j':
                return recall(input_.number(4));
            default:
                return false;
        }
    }

    /// Whatever is not the value of an opcode alone.
    bool beyond(unsigned char opcode) {
        switch (opcode) {
            case 0x95:  // a frame: how the bytes are cut, which is nothing to whoever has them all
                input_.number(8);
                return true;
            case 'c': {
                const std::string_view module = input_.line();
                return push_global(module, input_.line());
            }
            case 0x93: {
                const std::string name = text_of(pop()), module = text_of(pop());
                return push_global(module, name);
            }
            case 'Q': {
                PickleValue& value = make_from(Kind::persistent, pop_many(1));
                stack_.push_back(&value);
                return true;
            }
            case 'R':
                return call(*pop());
            case 0x81:
                return make_object(*pop());
            case 'b':
                return build(*pop());
            case '.':
                pickle_.top = pop();
                if (!stack_.empty() || !marks_.empty()) throw Error("leaves values over");
                stopped_ = true;
                return true;
            default:
                return false;
        }
    }

    /// A new value on the stack.
    PickleValue& make(Kind kind) {
        PickleValue& value = make_from(kind, {});
        stack_.push_back(&value);
        return value;
    }
    PickleValue& make_from(Kind kind, Items items) {
        if (pickle_.values.size() == most_values)
            throw Error(fmt::format("has more than {} values", most_values));
        spend(items.size());
        PickleValue& value = pickle_.values.emplace_back();
        value.kind = kind;
        value.items = std::move(items);
        return value;
    }

    /// Items and bytes that are kept. What is recalled again and again could be copied without end.
    void spend(size_t count) {
        if (count > budget_) throw Error("copies its values again and again");
        budget_ -= count;
    }

    bool push(Kind kind) {
        make(kind);
        return true;
    }
    bool push_integer(Kind kind, int64_t integer) {
        make(kind).integer = integer;
        return true;
    }
    bool push_long(uint64_t bytes) {
        if (bytes > 8) throw Error("has a whole number of more than 64 bits");
        uint64_t value = input_.number(bytes);
        // Two's complement: the sign is the last byte's.
        const bool negative = bytes > 0 && (value >> (8 * bytes - 1) & 1) != 0;
        if (negative && bytes < 8) value |= ~uint64_t{0} << (8 * bytes);
        return push_integer(Kind::integer, static_cast<int64_t>(value));
    }
    bool push_text(Kind kind, uint64_t bytes) {
        make(kind).text = input_.take(bytes);
        return true;
    }
    bool push_items(Kind kind, Items items) {
        if (kind == Kind::dict && items.size() % 2 != 0) throw Error("has a key without a value");
        stack_.push_back(&make_from(kind, std::move(items)));
        return true;
    }
    bool push_global(std::string_view module, std::string_view name) {
        std::string full = fmt::format("{}.{}", module, name);
        if (std::ranges::find(containers, full) == containers.end() && !allowed_(full))
            throw Error(fmt::format("asks for {}; only tensors and containers are read", escape(full)));
        make(Kind::global).text = std::move(full);
        return true;
    }

    PickleValue* pop() {
        if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
            throw Error("takes a value that is not there");
        PickleValue* value = stack_.back();
        stack_.pop_back();
        return value;
    }
    Items pop_many(size_t count) {
        Items items(count);
        for (size_t i = count; i-- > 0;) items[i] = pop();
        return items;
    }
    Items above_mark() {
        if (marks_.empty()) throw Error("takes values up to a mark that is not there");
        Items items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
        stack_.resize(marks_.back());
        marks_.pop_back();
        return items;
    }

    /// Adds to the container on top of the stack.
    bool extend(Kind kind, const Items& items) {
        if (kind == Kind::dict && items.size() % 2 != 0) throw Error("has a key without a value");
        spend(items.size());
        PickleValue* target = pop();
        if (!target->is(kind))
            throw Error(fmt::format("adds to {} as to {}", name_of(target->kind), name_of(kind)));
        target->items.insert(target->items.end(), items.begin(), items.end());
        stack_.push_back(target);
        return true;
    }

    bool remember(uint64_t number) {
        if (stack_.empty()) throw Error("remembers a value that is not there");
        memo_[number] = stack_.back();
        return true;
    }
    bool recall(uint64_t number) {
        const auto found = memo_.find(number);
        if (found == memo_.end()) throw Error("recalls a value that it has not remembered");
        stack_.push_back(found->second);
        return true;
    }

    static const std::string& text_of(const PickleValue* value) {
        if (!value->is(Kind::text)) throw Error(fmt::format("has {} for a name", name_of(value->kind)));
        return value->text;
    }

    bool call(const PickleValue& arguments) {
        const PickleValue& called = *pop();
        if (!called.is(Kind::global) || !arguments.is(Kind::tuple))
            throw Error(fmt::format("calls {} with {}", name_of(called.kind), name_of(arguments.kind)));
        if (std::ranges::find(containers, called.text) != containers.end())
            return call_container(called.text, arguments.items);
        Items items{&called};
        items.insert(items.end(), arguments.items.begin(), arguments.items.end());
        return push_items(Kind::call, std::move(items));
    }

    bool call_container(const std::string& name, const Items& arguments) {
        const auto is = [&](Kind kind) { return !arguments.empty() && arguments[0]->is(kind); };
        if (name == "collections.OrderedDict" && arguments.empty()) return push(Kind::dict);
        if (name == "collections.OrderedDict" && is(Kind::list)) return push_pairs(arguments[0]->items);
        if (name == "collections.Counter" && is(Kind::dict))
            return push_items(Kind::dict, arguments[0]->items);
        if (name.ends_with("set") && arguments.empty()) return push(Kind::set);
        if (name.ends_with("set") && (is(Kind::list) || is(Kind::tuple)))
            return push_items(Kind::set, arguments[0]->items);
        if (name.find(".byte") != std::string::npos && arguments.empty()) return push(Kind::bytes);
        // Bytes of protocol 2: a text whose characters are the bytes; it stays UTF-8 here.
        if ((name == "_codecs.encode" && is(Kind::text)) ||
            (name.ends_with("bytearray") && (is(Kind::bytes) || is(Kind::text)))) {
            spend(arguments[0]->text.size());
            make(Kind::bytes).text = arguments[0]->text;
            return true;
        }
        throw Error(fmt::format("calls {} in a way that is not known", name));
    }

    bool push_pairs(const Items& pairs) {
        Items items;
        for (const PickleValue* pair : pairs) {
            if ((!pair->is(Kind::list) && !pair->is(Kind::tuple)) || pair->items.size() != 2)
                throw Error("makes a dict of what are no pairs");
            items.insert(items.end(), pair->items.begin(), pair->items.end());
        }
        return push_items(Kind::dict, std::move(items));
    }

    /// An instance of a class, which has attributes alone.
    bool make_object(const PickleValue& arguments) {
        const PickleValue& made = *pop();
        if (!made.is(Kind::global) || made.text != arguments_of_a_program || !arguments.is(Kind::tuple) ||
            !arguments.items.empty())
            throw Error(fmt::format("makes an object of {}; only tensors and containers are read",
                                    made.is(Kind::global) ? made.text : name_of(made.kind)));
        return push(Kind::dict);
    }

    /// A state_dict carries its modules' versions as an attribute: what is set besides a container's items is left out.
    bool build(const PickleValue& state) {
        PickleValue* target = pop();
        if (!target->is(Kind::dict) || !state.is(Kind::dict))
            throw Error(fmt::format("sets the state of {}; only tensors and containers are read",
                                    name_of(target->kind)));
        stack_.push_back(target);
        return true;
    }

    PickleInput input_;
    const std::function<bool(std::string_view)>& allowed_;
    Pickle pickle_;
    std::vector<PickleValue*> stack_;
    std::vector<size_t> marks_;  // heights of the stack
    std::unordered_map<uint64_t, PickleValue*> memo_;
    size_t budget_;
    bool stopped_ = false;
};

}  // namespace

Pickle parse_pickle(std::string_view bytes, const std::function<bool(std::string_view global)>& allowed) {
    return Machine(bytes, allowed).run();
}

}  // namespace vitrine

// The state of torch.optim.SGD: see torch_optimizer.h.
//
//     {"state": {0: {"momentum_buffer": tensor or None}, …}, "param_groups": [{"lr": 0.1, …, "params": [0, 1, …]}, …]}

#include "engine/torch_optimizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/torch_archive.h"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;

/// Under which people keep it, the one that is taken first.
constexpr std::array entries{"optimizer", "optimizer_state_dict", "optimizer_state", "optimizer_states",
                             "optim",     "optim_state_dict",     "optimiser",       "optimiser_state_dict",
                             "opt"};

/// What only one optimiser's groups have.
struct Mark {
    const char* key;
    const char* optimiser;
};
constexpr std::array marks{Mark{"amsgrad", "Adam or AdamW"},
                           Mark{"momentum_decay", "NAdam"},
                           Mark{"centered", "RMSprop"},
                           Mark{"lr_decay", "Adagrad"},
                           Mark{"rho", "Adadelta"},
                           Mark{"etas", "Rprop"},
                           Mark{"lambd", "ASGD"},
                           Mark{"beta2_decay", "Adafactor"},
                           Mark{"max_iter", "LBFGS"},
                           Mark{"ns_steps", "Muon"},
                           Mark{"betas", "the kind of Adam"}};

class Reader {
  public:
    explicit Reader(std::string_view content) : archive_(content) {}

    TorchOptimizer read() {
        const PickleValue& optimizer = find();
        for (const PickleValue* group : optimizer.find("param_groups")->items) add_group(*group);
        const PickleValue& state = *optimizer.find("state");
        for (size_t i = 0; i < state.items.size(); i += 2)
            add_state(key_of(*state.items[i]), *state.items[i + 1]);
        return std::move(result_);
    }

  private:
    static bool is_optimizer(const PickleValue& value) {
        const PickleValue *state = value.find("state"), *groups = value.find("param_groups");
        return state != nullptr && state->is(Kind::dict) && groups != nullptr && groups->is(Kind::list) &&
               !groups->items.empty();
    }

    const PickleValue& find() {
        const PickleValue& top = archive_.top();
        if (is_optimizer(top)) return top;
        for (const char* entry : entries) {
            const PickleValue* value = top.find(entry);
            // Some keep a list of those that they have.
            if (value != nullptr && value->is(Kind::list) && value->items.size() == 1)
                value = value->items[0];
            if (value == nullptr || !is_optimizer(*value)) continue;
            result_.entry = entry;
            return *value;
        }
        throw Error(fmt::format(
            "holds {}, and no optimiser's state: a dict of state and param_groups in its entry {}",
            describe_object(top), fmt::join(entries, ", ")));
    }

    static std::string key_of(const PickleValue& value) {
        if (value.is(Kind::integer)) return std::to_string(value.integer);
        if (value.is(Kind::text)) return value.text;
        throw Error(fmt::format("has an optimiser that calls a parameter {}", name_of(value.kind)));
    }

    static std::vector<std::string> keys_of(const PickleValue* list, const char* what) {
        if (list == nullptr || (!list->is(Kind::list) && !list->is(Kind::tuple)))
            throw Error(fmt::format("has an optimiser whose group has no {}", what));
        std::vector<std::string> keys;
        for (const PickleValue* each : list->items) keys.push_back(key_of(*each));
        return keys;
    }

    /// A number, or a tensor of one.
    double number(const PickleValue& value, const char* key) {
        double number = NAN;
        if (value.is(Kind::real)) number = value.real;
        if (value.is(Kind::integer) || value.is(Kind::boolean)) number = static_cast<double>(value.integer);
        if (is_torch_tensor(value)) {
            const SafeTensor tensor = archive_.tensor(key, value);
            if (tensor.is_number() && tensor.shape.count() == 1) number = tensor.values()[0];
        }
        if (!std::isfinite(number)) throw Error(fmt::format("has an optimiser whose {} is no number", key));
        return number;
    }

    double setting(const PickleValue& group, const char* key) {
        const PickleValue* value = group.find(key);
        return value == nullptr || value->is(Kind::none) ? 0.0 : number(*value, key);
    }

    static void require_sgd(const PickleValue& group) {
        for (const Mark& mark : marks) {
            if (group.find(mark.key) != nullptr)
                throw Error(fmt::format(
                    "has the optimiser {} (its groups have {}), but only torch.optim.SGD's state is "
                    "that of ours",
                    mark.optimiser, mark.key));
        }
        if (group.find("lr") == nullptr || group.find("momentum") == nullptr ||
            group.find("dampening") == nullptr)
            throw Error(
                fmt::format("has an optimiser with {}, but only torch.optim.SGD's state is that of ours",
                            describe_object(group)));
    }

    void add_group(const PickleValue& group) {
        require_sgd(group);
        if (const double dampening = setting(group, "dampening"); dampening != 0.0)
            throw Error(fmt::format("has an SGD with dampening {}, which ours has not", dampening));
        if (setting(group, "maximize") != 0.0) throw Error("has an SGD with maximize, which ours has not");
        TorchOptimizer::Group& made = result_.groups.emplace_back();
        made.learning_rate = setting(group, "lr");
        made.momentum = setting(group, "momentum");
        made.weight_decay = setting(group, "weight_decay");
        made.nesterov = setting(group, "nesterov") != 0.0;
        made.parameters = keys_of(group.find("params"), "params");
        for (const std::string& key : made.parameters) {
            if (!known_.insert(key).second)
                throw Error(fmt::format("has an optimiser with the parameter {} twice", escape(key)));
        }
        if (const PickleValue* names = group.find("param_names"); names != nullptr && !names->is(Kind::none))
            made.names = keys_of(names, "param_names");
        else if (!made.parameters.empty() && group.find("params")->items[0]->is(Kind::text))
            made.names = made.parameters;
        if (!made.names.empty() && made.names.size() != made.parameters.size())
            throw Error(fmt::format("has an optimiser with {} names for {} parameters", made.names.size(),
                                    made.parameters.size()));
    }

    void add_state(const std::string& key, const PickleValue& state) {
        if (!known_.contains(key))
            throw Error(fmt::format(
                "has an optimiser with a state of the parameter {}, which is in none of its groups",
                escape(key)));
        if (!state.is(Kind::dict))
            throw Error(fmt::format("has an optimiser whose state of the parameter {} is {}", escape(key),
                                    name_of(state.kind)));
        const PickleValue* buffer = state.find("momentum_buffer");
        if (buffer == nullptr || buffer->is(Kind::none)) return;
        if (!is_torch_tensor(*buffer))
            throw Error(fmt::format("has a momentum_buffer of the parameter {} that is {}", escape(key),
                                    name_of(buffer->kind)));
        result_.momentum.emplace(key, archive_.tensor(fmt::format("momentum_buffer {}", key), *buffer));
    }

    TorchArchive archive_;
    TorchOptimizer result_;
    std::set<std::string> known_;
};

}  // namespace

TorchOptimizer parse_torch_optimizer(std::string_view content, const std::string& source) {
    try {
        return Reader(content).read();
    } catch (const Error& error) {
        throw Error(fmt::format("{} {}", source, error.what()));
    }
}

}  // namespace vitrine

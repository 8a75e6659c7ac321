// Which parameter of a model each of an optimiser's is: see optimizer_order.h.

#include "tools/train/optimizer_order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "engine/error.h"
#include "engine/escape.h"
#include "tools/common/weights_file.h"

namespace vitrine::train {
namespace {

using Names = std::vector<std::string>;
using Parameters = std::vector<const OrderedParameter*>;

bool is_matrix(const OrderedParameter& parameter) { return parameter.shape.rank() > 1; }
bool is_bias(const OrderedParameter& parameter) {
    return !is_matrix(parameter) && parameter.name.ends_with("bias");
}

/// By a parameter, the part that it belongs to.
using Split = int (*)(const OrderedParameter&);
constexpr std::array<Split, 6> splits{
    [](const OrderedParameter&) { return 0; },
    [](const OrderedParameter& each) { return is_matrix(each) ? 0 : 1; },
    [](const OrderedParameter& each) { return each.is_norm ? 1 : 0; },
    [](const OrderedParameter& each) { return is_bias(each) ? 1 : 0; },
    [](const OrderedParameter& each) { return is_bias(each)     ? 2
                                              : is_matrix(each) ? 0
                                                                : 1; },
    [](const OrderedParameter& each) { return is_matrix(each) ? 0
                                              : each.is_norm  ? 1
                                                              : 2; },
};
constexpr int most_parts = 3;

class Search {
  public:
    Search(const TorchOptimizer& optimizer, const std::vector<OrderedParameter>& of_model)
        : optimizer_(optimizer) {
        for (const TorchOptimizer::Group& group : optimizer.groups) {
            keys_.insert(keys_.end(), group.parameters.begin(), group.parameters.end());
            names_.insert(names_.end(), group.names.begin(), group.names.end());
        }
        for (const OrderedParameter& each : of_model) {
            all_.push_back(&each);
            if (each.is_trained) trained_.push_back(&each);
        }
    }

    Names run() {
        if (names_.size() == keys_.size()) return by_name();
        if (const std::optional<Names> places = by_place()) return *places;
        for (const Parameters& parameters : {all_, trained_}) {
            if (parameters.size() == keys_.size()) try_orders_of(parameters);
        }
        if (found_.empty()) refuse();
        if (found_.size() > 1 && !optimizer_.momentum.empty())
            throw Error(
                fmt::format("has an optimiser of {} groups, and several ways to make them of the model's "
                            "parameters: save it with names, SGD(model.named_parameters())",
                            optimizer_.groups.size()));
        return *found_.begin();
    }

  private:
    Names by_name() {
        std::vector<std::string*> wrapped;
        for (std::string& name : names_) wrapped.push_back(&name);
        tools::take_wrappers_off(wrapped);
        for (size_t i = 0; i < names_.size(); ++i) {
            const auto known =
                std::ranges::find_if(all_, [&](const auto* each) { return each->name == names_[i]; });
            if (known == all_.end() || std::ranges::count(names_, names_[i]) > 1)
                throw Error(fmt::format("has an optimiser with a parameter {}, which the model has {}",
                                        escape(names_[i]), known == all_.end() ? "not" : "once"));
        }
        return names_;
    }

    /// Numbers that do not simply count are places in model.parameters(), as `export` writes them.
    std::optional<Names> by_place() const {
        Names names;
        bool counted = true;
        for (size_t i = 0; i < keys_.size(); ++i) {
            size_t place = 0;
            const auto [end, failure] =
                std::from_chars(keys_[i].data(), keys_[i].data() + keys_[i].size(), place);
            if (failure != std::errc() || *end != '\0' || place >= all_.size()) return std::nullopt;
            counted &= place == i;
            names.push_back(all_[place]->name);
        }
        if (counted || !fits(names)) return std::nullopt;
        return names;
    }

    void try_orders_of(const Parameters& parameters) {
        try_order(parameters);
        if (optimizer_.groups.size() == 1) return;
        for (const Split split : splits) {
            for (const bool head_apart : {false, true}) {
                std::map<int, Parameters> parts;
                for (const OrderedParameter* each : parameters)
                    parts[split(*each) + (head_apart && each->is_head ? most_parts : 0)].push_back(each);
                if (parts.size() == optimizer_.groups.size()) try_parts(parts);
            }
        }
    }

    /// Each of the parts as any of the groups.
    void try_parts(const std::map<int, Parameters>& parts) {
        std::vector<const Parameters*> order;
        for (const auto& [number, part] : parts) order.push_back(&part);
        std::ranges::sort(order);
        do {
            Parameters all;
            bool sizes_fit = true;
            for (size_t i = 0; i < order.size() && sizes_fit; ++i) {
                sizes_fit = order[i]->size() == optimizer_.groups[i].parameters.size();
                all.insert(all.end(), order[i]->begin(), order[i]->end());
            }
            if (sizes_fit) try_order(all);
        } while (std::ranges::next_permutation(order).found);
    }

    void try_order(const Parameters& parameters) {
        Names names;
        for (const OrderedParameter* each : parameters) names.push_back(each->name);
        if (fits(names)) found_.insert(std::move(names));
    }

    bool fits(const Names& names) const {
        for (size_t i = 0; i < names.size(); ++i) {
            const auto buffer = optimizer_.momentum.find(keys_[i]);
            if (buffer == optimizer_.momentum.end()) continue;
            const auto owner =
                std::ranges::find_if(all_, [&](const auto* each) { return each->name == names[i]; });
            if ((*owner)->shape != buffer->second.shape) return false;
        }
        return true;
    }

    [[noreturn]] void refuse() const {
        if (keys_.size() != all_.size() && keys_.size() != trained_.size())
            throw Error(fmt::format(
                "has an optimiser of {} parameters, but the model has {}{}", keys_.size(), all_.size(),
                trained_.size() == all_.size() ? " (what it has not trained is to be frozen here too)"
                                               : fmt::format(", of which {} are trained", trained_.size())));
        std::vector<size_t> sizes;
        for (const TorchOptimizer::Group& group : optimizer_.groups) sizes.push_back(group.parameters.size());
        throw Error(fmt::format(
            "has an optimiser with groups of {} parameters, whose momentum buffers have other shapes than "
            "the model's parameters in any order that is known: save it with names, "
            "SGD(model.named_parameters())",
            fmt::join(sizes, ", ")));
    }

    const TorchOptimizer& optimizer_;
    Names keys_, names_;
    Parameters all_, trained_;
    std::set<Names> found_;
};

}  // namespace

std::vector<std::string> names_in_order(const TorchOptimizer& optimizer,
                                        const std::vector<OrderedParameter>& of_model) {
    return Search(optimizer, of_model).run();
}

}  // namespace vitrine::train

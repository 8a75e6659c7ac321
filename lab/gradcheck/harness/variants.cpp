// The ways in which a pass is launched: see variants.h.

#include "lab/gradcheck/harness/variants.h"

#include <algorithm>

#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// Of a problem's floating-point tensor or gradient where dtype is the type under test.
DType floating_type(const Problem& problem, const std::string& name, DType dtype) {
    return is_half(dtype) ? problem.half.value().type_of(name, dtype) : dtype;
}

}  // namespace

DType type_of(const Problem& problem, const Tensor& tensor, DType dtype) {
    switch (tensor.element) {
        case Element::floating:
            return floating_type(problem, tensor.name, dtype);
        case Element::i32:
            return DType::i32;
        case Element::u8:
            return DType::u8;
    }
    throw std::logic_error("unknown element");
}

DType gradient_type(const Problem& problem, const Tensor& tensor, DType dtype) {
    return floating_type(problem, "d_" + tensor.name, dtype);
}

namespace {

Access access_of(Role role) {
    if (is_written(role)) return Access::write;
    return role == Role::state ? Access::update : Access::read;
}

Slot& slot_named(Variant& variant, const std::string& name) {
    for (Slot& slot : variant.slots) {
        if (slot.name == name) return slot;
    }
    throw std::logic_error("an alias names a tensor that is not there: " + name);
}

/// `output` moves into the memory of `input`.
Variant aliased(Variant variant, const Alias& alias) {
    variant.label = alias.output + " in the memory of " + alias.input;
    slot_named(variant, alias.output).shares = alias.input;
    return variant;
}

/// What a pass must leave in one gradient of a variant.
enum class Want { nothing, write, accumulate };

class BackwardVariants {
  public:
    BackwardVariants(const Problem& problem, DType dtype, const Values& saved, const Values& gradients)
        : problem_(problem), gradients_(gradients) {
        for (const Tensor& tensor : problem.tensors) {
            saved_.push_back({tensor.name, type_of(problem, tensor, dtype), Access::read, tensor.count,
                              saved.at(tensor.name)});
            if (tensor.role == Role::loss) {
                saved_.push_back({"d_" + tensor.name, gradient_type(problem, tensor, dtype), Access::read,
                                  tensor.count, saved.at("d_" + tensor.name)});
            }
            if (tensor.role != Role::parameter) continue;
            names_.push_back("d_" + tensor.name);
            types_["d_" + tensor.name] = gradient_type(problem, tensor, dtype);
        }
    }

    std::vector<Variant> all() {
        // Fast kernels need alignment, so that each mode and each single gradient must come aligned as well:
        // with several gradients the last two kinds of variants see to that.
        std::vector<Variant> variants{every("", Want::write, Placement::aligned),
                                      every("accumulated", Want::accumulate, Placement::misaligned),
                                      every("misaligned", Want::write, Placement::misaligned)};
        if (names_.size() == 1)
            variants.push_back(every("accumulated, aligned", Want::accumulate, Placement::aligned));
        for (size_t k = 0; names_.size() > 1 && k < names_.size(); ++k) {
            variants.push_back(only(k));
            variants.push_back(all_but(k));
        }
        for (const Alias& alias : problem_.backward_aliases)
            variants.push_back(aliased(variants.front(), alias));
        return variants;
    }

  private:
    Variant every(const char* label, Want want, Placement placement) const {
        return make(label, std::vector<Want>(names_.size(), want), placement);
    }

    Variant only(size_t k) const {
        std::vector<Want> wants(names_.size(), Want::nothing);
        wants[k] = Want::write;
        return make("only " + names_[k], wants, Placement::aligned);
    }

    /// The others alternate between writing and accumulating.
    Variant all_but(size_t k) const {
        std::vector<Want> wants(names_.size());
        for (size_t i = 0; i < wants.size(); ++i)
            wants[i] = (i + k) % 2 == 0 ? Want::write : Want::accumulate;
        wants[k] = Want::nothing;
        return make("without " + names_[k], wants, Placement::aligned);
    }

    Variant make(std::string label, const std::vector<Want>& wants, Placement placement) const {
        Variant variant{std::move(label), saved_, placement, {}};
        for (size_t i = 0; i < wants.size(); ++i) {
            if (wants[i] != Want::nothing) add(variant, names_[i], wants[i]);
        }
        return variant;
    }

    void add(Variant& variant, const std::string& name, Want want) const {
        const std::vector<double>& gradient = gradients_.at(name);
        const int64_t count = static_cast<int64_t>(gradient.size());
        if (want == Want::write) {
            variant.slots.push_back({name, types_.at(name), Access::write, count});
            variant.expected[name] = gradient;
            return;
        }
        std::vector<double> before = rounded_to(types_.at(name), uniform(name + " before", count));
        std::vector<double> sum(before.size());
        std::ranges::transform(before, gradient, sum.begin(), std::plus{});
        variant.slots.push_back(
            {name, types_.at(name), Access::update, count, std::move(before), GradMode::accumulate});
        variant.expected[name] = std::move(sum);
    }

    const Problem& problem_;
    const Values& gradients_;
    std::vector<Slot> saved_;
    std::vector<std::string> names_;  // of the gradients
    std::map<std::string, DType> types_;
};

}  // namespace

std::vector<Variant> forward_variants(const Problem& problem, DType dtype, const Values& inputs,
                                      const Values& expected) {
    Variant plain;
    for (const Tensor& tensor : problem.tensors) {
        Slot slot{tensor.name, type_of(problem, tensor, dtype), access_of(tensor.role), tensor.count};
        if (slot.access != Access::write) slot.values = inputs.at(tensor.name);
        if (slot.access != Access::read) plain.expected[tensor.name] = expected.at(tensor.name);
        plain.slots.push_back(std::move(slot));
    }
    Variant misaligned = plain;
    misaligned.label = "misaligned";
    misaligned.placement = Placement::misaligned;
    std::vector<Variant> variants{plain, std::move(misaligned)};
    for (const Alias& alias : problem.forward_aliases) variants.push_back(aliased(plain, alias));
    return variants;
}

std::vector<Variant> backward_variants(const Problem& problem, DType dtype, const Values& saved,
                                       const Values& gradients) {
    return BackwardVariants(problem, dtype, saved, gradients).all();
}

}  // namespace vitrine::gradcheck

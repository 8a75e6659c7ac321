// A run that begins with weights from a file: see initial_weights.h.

#include "tools/train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "models/models.h"
#include "tools/common/weights_file.h"

namespace vitrine::train {
namespace {

constexpr std::string_view is_missing = "is missing", is_left_over = "is left over",
                           has_another_shape = "has another shape";
constexpr std::array kinds{is_missing, is_left_over, has_another_shape};

/// A tensor that does not fit: one of the file, one of the model, or both.
struct Mismatch {
    std::string_view what;  // one of the kinds
    std::string name;
    std::string shapes;
};

std::vector<Mismatch> compare(const std::vector<nn::NamedParameter>& wanted, const SafeTensors& state) {
    std::vector<Mismatch> mismatches;
    std::set<std::string_view> known;
    for (const nn::NamedParameter& named : wanted) {
        known.insert(named.name);
        const Shape& shape = named.parameter->layout.shape;
        const SafeTensor* tensor = state.find(named.name);
        if (tensor == nullptr && named.parameter->role == nn::Role::counter) continue;
        if (tensor == nullptr)
            mismatches.push_back({is_missing, named.name, fmt::format("{} in the model", shape.to_string())});
        else if (tensor->shape != shape)
            mismatches.push_back({has_another_shape, named.name,
                                  fmt::format("{} in the file, {} in the model", tensor->shape.to_string(),
                                              shape.to_string())});
    }
    for (const SafeTensor& tensor : state.tensors) {
        if (!known.contains(tensor.name))
            mismatches.push_back(
                {is_left_over, escape(tensor.name), fmt::format("{} in the file", tensor.shape.to_string())});
    }
    return mismatches;
}

/// A line for each, as far as they are few: those of each kind together.
void list(const std::vector<Mismatch>& mismatches, Reporter& reporter) {
    constexpr int64_t most = 8;  // of a kind
    size_t width = 0;
    for (const Mismatch& each : mismatches) width = std::max(width, each.name.size());
    for (const std::string_view what : kinds) {
        int64_t count = 0;
        for (const Mismatch& each : mismatches) {
            if (each.what != what || ++count > most) continue;
            reporter.notice(fmt::format("{:<17}  {:<{}}  {}", each.what, each.name, width, each.shapes));
        }
        if (count > most) reporter.notice(fmt::format("{:<17}  and {} more", what, count - most));
    }
}

[[noreturn]] void refuse(const std::vector<Mismatch>& mismatches, const std::string& path,
                         const models::ModelInfo& model, Reporter& reporter) {
    list(mismatches, reporter);
    const Mismatch& first = mismatches.front();
    throw Error(fmt::format("--init {} does not fit {}: {} of the tensors differ; {} {} ({})", path,
                            model.name, mismatches.size(), first.name, first.what, first.shapes));
}

/// Why the head is made anew; empty: it is taken from the file.
std::string why_new_head(const std::vector<Mismatch>& of_head, const SafeTensors& state,
                         const tools::ModelDescription& description, const std::string& path) {
    if (!of_head.empty())
        return fmt::format("{} {} there ({})", of_head.front().name, of_head.front().what,
                           of_head.front().shapes);
    const auto described = tools::description_in(state, path);
    if (described && described->classes != description.classes) return "that one is of other classes";
    return "";
}

void require_same_model(const SafeTensors& state, const std::string& path, const models::ModelInfo& model) {
    const auto named = state.metadata.find("model");
    if (named != state.metadata.end() && named->second != model.name)
        throw Error(fmt::format("--init {} holds a {}, but the recipe's model is {}: choose it with --model",
                                path, escape(named->second), model.name));
}

}  // namespace

void load_initial_weights(nn::Module& model, const tools::ModelDescription& description,
                          const std::string& path, Reporter& reporter) {
    const models::ModelInfo& info = models::model_from_name(description.model);
    const tools::WeightsFile file = tools::read_weights(path);
    for (const std::string& notice : file.notices) reporter.notice(notice);
    require_same_model(file.state, path, info);

    const std::vector<nn::NamedParameter> wanted = model.state();
    std::vector<Mismatch> others = compare(wanted, file.state);
    const auto head = std::ranges::stable_partition(
        others, [&](const Mismatch& mismatch) { return !info.is_of_head(mismatch.name); });
    const std::vector<Mismatch> of_head(head.begin(), head.end());
    others.erase(head.begin(), head.end());
    if (!others.empty()) refuse(others, path, info, reporter);
    const std::string new_head = why_new_head(of_head, file.state, description, path);

    std::vector<std::pair<Tensor*, std::vector<double>>> values;
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = file.state.find(named.name);
        if (tensor == nullptr || (!new_head.empty() && info.is_of_head(named.name))) continue;
        values.emplace_back(&named.value(), values_for(*named.parameter, *tensor, path));
    }
    for (auto& [tensor, numbers] : values) tensor->assign(std::span<const double>(numbers));
    reporter.notice(new_head.empty() ? fmt::format("begins with the weights of {}", path)
                                     : fmt::format("begins with the weights of {}, but for a new head: {}",
                                                   path, new_head));
}

}  // namespace vitrine::train

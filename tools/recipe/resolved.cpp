// A recipe with everything written out: see recipe.h.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <concepts>
#include <set>
#include <sstream>

#include "tools/recipe/describe_scheduler.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_fields.h"
#include "tools/recipe/unused_settings.h"

namespace vitrine::recipe {
namespace {

/// In quotes where it would be none without.
std::string toml_key(const std::string& name) {
    const bool bare = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
        return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '-';
    });
    return bare ? name : toml_text(name);
}

std::string inline_table(const toml::table& table) {
    std::string text;
    for (const auto& [key, value] : table)
        text += fmt::format("{} {} = {}", text.empty() ? "" : ",", toml_key(std::string(key.str())),
                            toml_value(value));
    return fmt::format("{{{} }}", text);
}

std::string inline_array(const toml::array& array) {
    std::string text;
    for (const toml::node& each : array) text += (text.empty() ? "" : ", ") + toml_value(each);
    return fmt::format("[{}]", text);
}

/// A line for each key; lists of tables get a line for each of these.
std::string transforms_section(const toml::table& table) {
    if (table.empty()) return "";
    std::string section = "[transforms]\n";
    for (const auto& [key, value] : table) {
        const toml::array* list = value.as_array();
        if (list == nullptr || list->empty() || !list->front().is_table()) {
            section += fmt::format("{} = {}\n", key.str(), toml_value(value));
            continue;
        }
        section += fmt::format("{} = [\n", key.str());
        for (const toml::node& each : *list) section += fmt::format("  {},\n", toml_value(each));
        section += "]\n";
    }
    return section + "\n";
}

/// Writes a line for each field.
class FieldWriter {
  public:
    /// Without the lines of some keys.
    explicit FieldWriter(std::set<std::string> without = {}) : without_(std::move(without)) {}

    void folder(const Key& key, const std::string& value) { text(key, value); }
    void file(const Key& key, const std::string& value) { text(key, value); }
    void text(const Key& key, const std::string& value) { line(key, toml_text(value)); }
    void whole(const Key& key, std::integral auto value, int64_t, int64_t) {
        line(key, fmt::to_string(value));
    }
    void number(const Key& key, double value, Limits) { line(key, toml_number(value)); }
    void number(const Key& key, std::optional<double> value, Limits limits) {
        if (value) number(key, *value, limits);
    }
    void flag(const Key& key, std::optional<bool> value) { line(key, fmt::to_string(value.value_or(false))); }
    void choice(const Key& key, const std::string& value, const std::vector<std::string>&) {
        text(key, value);
    }
    template <class Enum, size_t count>
    void choice(const Key& key, Enum value, const std::array<tools::Name<Enum>, count>& names) {
        text(key, std::string(name_in(names, value)));
    }
    void weighting(const Key& key, const ClassWeighting& value, const char* alike) {
        line(key, toml_weighting(value, alike));
    }
    void scheduler(const Key& key, const optim::SchedulerSpec& value, double) {
        line(key, inline_table(tools::to_toml(value)));
    }
    void warmup(const Key& key, const std::optional<optim::Warmup>& value) {
        if (value) line(key, inline_table(tools::to_toml(*value)));
    }
    void hold(const Key& key, const std::optional<optim::Hold>& value) {
        if (value) line(key, inline_table(tools::to_toml(*value)));
    }
    bool check(std::string_view, bool holds, const std::string&) { return holds; }

    const std::string& lines() const { return lines_; }

  private:
    void line(const Key& key, const std::string& value) {
        if (!without_.contains(key.name)) lines_ += fmt::format("{} = {}\n", key.name, value);
    }

    std::set<std::string> without_;
    std::string lines_;
};

template <class Settings>
std::string fields_of(Settings settings) {
    FieldWriter writer;
    visit_fields(settings, writer);
    return writer.lines();
}

std::string phase_section(PhaseSettings phase, size_t number) {
    std::set<std::string> unused;
    if (!uses_learning_rate(phase)) unused.insert("lr");
    if (!uses_momentum(phase)) unused.insert("momentum");
    FieldWriter writer(unused);
    visit_fields(phase, number, writer);
    return "[[phase]]\n" + writer.lines();
}

}  // namespace

std::string toml_number(double value) {
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
}

std::string toml_text(const std::string& value) {
    std::string text = "\"";
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            text += {'\\', c};
        else if (c == '\n')
            text += "\\n";
        else if (c == '\t')
            text += "\\t";
        else if (byte < 0x20 || byte == 0x7f)
            text += fmt::format("\\u{:04X}", byte);
        else
            text += c;
    }
    return text + "\"";
}

std::string toml_weighting(const ClassWeighting& weighting, const char* alike) {
    if (weighting.kind == ClassWeighting::Kind::alike) return toml_text(alike);
    if (weighting.kind == ClassWeighting::Kind::balanced) return toml_text("balanced");
    std::string text;
    for (const auto& [name, weight] : weighting.weights)
        text += fmt::format("{} {} = {}", text.empty() ? "" : ",", toml_key(name), toml_number(weight));
    return fmt::format("{{{} }}", text);
}

std::string toml_value(const toml::node& node) {
    if (const toml::table* table = node.as_table()) return inline_table(*table);
    if (const toml::array* array = node.as_array()) return inline_array(*array);
    if (const auto* number = node.as_floating_point()) return toml_number(number->get());
    if (const auto* string = node.as_string()) return toml_text(string->get());
    std::ostringstream stream;
    node.visit([&](const auto& value) { stream << value; });
    return stream.str();
}

std::string to_toml(const Recipe& recipe) {
    std::string all = fmt::format("{}\n[data]\n{}\n[model]\n{}\n{}[training]\n{}\n", fields_of(recipe),
                                  fields_of(recipe.data), fields_of(recipe.model),
                                  transforms_section(recipe.transforms_table), fields_of(recipe.training));
    for (size_t i = 0; i < recipe.phases.size(); ++i) all += phase_section(recipe.phases[i], i + 1) + "\n";
    all.pop_back();
    return all;
}

std::string describe(const PhaseSettings& phase) {
    std::string line = "SGD";
    if (uses_learning_rate(phase)) line += fmt::format(", learning rate {}", phase.learning_rate);
    if (phase.head_learning_rate) line += fmt::format(" ({} of the head)", *phase.head_learning_rate);
    if (uses_momentum(phase)) line += fmt::format(", momentum {}", phase.momentum);
    line += fmt::format("{}, weight decay {}{}; {}", phase.nesterov ? " (Nesterov)" : "", phase.weight_decay,
                        phase.decay_norms_and_biases ? "" : " (not of norms and biases)",
                        tools::describe(phase.scheduler));
    if (!phase.freeze.empty())
        line += fmt::format("; {} frozen{}", phase.freeze,
                            phase.freeze_norms ? ", batch norms in evaluation mode" : "");
    if (phase.start_from == StartFrom::best) line += "; from the best weights before";
    if (phase.reset_momentum) line += "; momentum starts afresh";
    return line;
}

}  // namespace vitrine::recipe

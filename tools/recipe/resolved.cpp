// A recipe with everything written out: see recipe.h.

#include <fmt/format.h>

#include <sstream>

#include "tools/recipe/describe_scheduler.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/unused_settings.h"

namespace vitrine::recipe {
namespace {

std::string data_section(const DataSettings& data) {
    std::string section =
        fmt::format("[data]\npath = {}\nkind = {}\nimage_size = {}\nexif_orientation = {}\nsubset = {}\n",
                    toml_text(data.path), toml_text(data.kind), data.image_size,
                    data.exif_orientation.value_or(false), toml_number(data.subset));
    if (data.validation) section += fmt::format("validation = {}\n", toml_number(*data.validation));
    return section + fmt::format("strict = {}\n", data.strict);
}

std::string model_section(const ModelSettings& model) {
    std::string section = fmt::format("[model]\nname = {}\n", toml_text(model.name));
    if (model.name != "mobilenet_v2") return section;
    return section + fmt::format("width_mult = {}\ndropout = {}\n", toml_number(model.width_mult),
                                 toml_number(model.dropout));
}

std::string inline_table(const toml::table& table) {
    std::string text;
    for (const auto& [key, value] : table)
        text += fmt::format("{} {} = {}", text.empty() ? "" : ",", key.str(), toml_value(value));
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

std::string training_section(const TrainingSettings& training) {
    return fmt::format(
        "[training]\nbatch_size = {}\naccumulate = {}\nlabel_smoothing = {}\nema_decay = {}\nclip_norm = "
        "{}\nskip_outliers = {}\nearly_stopping = {}\ncheckpoint_minutes = {}\nkeep_checkpoints = {}\n",
        training.batch_size, training.accumulate, toml_number(training.label_smoothing),
        toml_number(training.ema_decay), toml_number(training.clip_norm), toml_number(training.skip_outliers),
        training.early_stopping, toml_number(training.checkpoint_minutes), training.keep_checkpoints);
}

std::string phase_section(const PhaseSettings& phase) {
    std::string section =
        fmt::format("[[phase]]\nname = {}\nepochs = {}\n", toml_text(phase.name), phase.epochs);
    if (uses_learning_rate(phase)) section += fmt::format("lr = {}\n", toml_number(phase.learning_rate));
    if (uses_momentum(phase)) section += fmt::format("momentum = {}\n", toml_number(phase.momentum));
    section += fmt::format("nesterov = {}\nweight_decay = {}\ndecay_norms_and_biases = {}\nscheduler = {}\n",
                           phase.nesterov, toml_number(phase.weight_decay), phase.decay_norms_and_biases,
                           inline_table(tools::to_toml(phase.scheduler)));
    if (phase.scheduler.warmup)
        section += fmt::format("warmup = {}\n", inline_table(tools::to_toml(*phase.scheduler.warmup)));
    return section + fmt::format("start_from = \"{}\"\nreset_momentum = {}\n",
                                 phase.start_from == StartFrom::best ? "best" : "last", phase.reset_momentum);
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
    std::string all = fmt::format("seed = {}\n\n{}\n{}\n{}{}\n", recipe.seed, data_section(recipe.data),
                                  model_section(recipe.model), transforms_section(recipe.transforms_table),
                                  training_section(recipe.training));
    for (const PhaseSettings& phase : recipe.phases) all += phase_section(phase) + "\n";
    all.pop_back();
    return all;
}

std::string describe(const PhaseSettings& phase) {
    std::string line = "SGD";
    if (uses_learning_rate(phase)) line += fmt::format(", learning rate {}", phase.learning_rate);
    if (uses_momentum(phase)) line += fmt::format(", momentum {}", phase.momentum);
    line += fmt::format("{}, weight decay {}{}; {}", phase.nesterov ? " (Nesterov)" : "", phase.weight_decay,
                        phase.decay_norms_and_biases ? "" : " (not of norms and biases)",
                        tools::describe(phase.scheduler));
    if (phase.start_from == StartFrom::best) line += "; from the best weights before";
    if (phase.reset_momentum) line += "; momentum starts afresh";
    return line;
}

}  // namespace vitrine::recipe

// Schedulers from TOML: see parse_scheduler.h.

#include "tools/recipe/parse_scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "tools/recipe/scheduler_fields.h"

namespace vitrine::tools {
namespace {

using namespace optim;

constexpr int64_t longest = 1'000'000'000;  // steps
constexpr Limits shares_of_phase{1e-6, 0.99};

/// Reads each field from a table.
class FieldReader {
  public:
    explicit FieldReader(TableReader& reader) : reader_(reader) {}

    void number(std::string_view key, double& value, Limits limits, Need need = Need::may) {
        take(key, value, reader_.number(key, limits), need);
    }
    void whole(std::string_view key, int64_t& value, int64_t lowest, Need need = Need::may) {
        take(key, value, reader_.whole(key, lowest, longest), need);
    }
    void length(std::string_view key, std::optional<int64_t>& value) {
        value = reader_.whole(key, 1, longest);
    }
    /// Exactly one of the two: so many steps, or that part of the phase's.
    void length_or_share(std::string_view key, int64_t& length, std::string_view share_key,
                         std::optional<double>& share) {
        const std::optional<int64_t> steps = reader_.whole(key, 1, longest);
        share = reader_.number(share_key, shares_of_phase);
        if (steps && share)
            reader_.fail_at(reader_.table(), fmt::format("{} has both {} and {}: give one of them",
                                                         reader_.what(), key, share_key));
        if (!steps && !share)
            reader_.fail_at(reader_.table(), fmt::format("{} needs {}, in steps, or {}, of the phase",
                                                         reader_.what(), key, share_key));
        length = steps.value_or(length);
    }
    void flag(std::string_view key, bool& value) { take(key, value, reader_.flag(key), Need::may); }

    template <class Enum, size_t count>
    void choice(std::string_view key, Enum& value, const std::array<Name<Enum>, count>& names,
                Need need = Need::may) {
        const toml::node* node = reader_.node(key);
        if (node == nullptr) {
            if (need == Need::must)
                reader_.fail_at(reader_.table(), fmt::format("{} needs {} = {}", reader_.what(), key,
                                                             alternatives(names, " or ")));
            return;
        }
        const auto text = node->value<std::string_view>().value_or("");
        const auto found = std::ranges::find(names, text, &Name<Enum>::text);
        if (found == names.end())
            reader_.fail_at(*node, fmt::format("{} of {} must be one of {}", key, reader_.what(),
                                               alternatives(names, ", ")));
        value = found->value;
    }

    void milestones(std::string_view key, std::vector<int64_t>& values) {
        const std::string form =
            fmt::format("{} of {} must be whole numbers from 1 up, such as [30, 60]", key, reader_.what());
        const toml::node* node = reader_.node(key);
        if (node == nullptr) reader_.fail_at(reader_.table(), form);
        const toml::array* array = node->as_array();
        if (array == nullptr || array->empty()) reader_.fail_at(*node, form);
        for (const toml::node& each : *array) {
            const auto value = each.is_integer() ? each.value<int64_t>() : std::nullopt;
            if (!value || *value < 1 || *value > longest) reader_.fail_at(each, form);
            values.push_back(*value);
        }
    }

  private:
    template <class Enum, size_t count>
    static std::string alternatives(const std::array<Name<Enum>, count>& names, std::string_view between) {
        std::string text;
        for (const auto& each : names)
            text += fmt::format("{}\"{}\"", text.empty() ? "" : between, each.text);
        return text;
    }

    template <class T>
    void take(std::string_view key, T& value, std::optional<T> read, Need need) {
        if (need == Need::must) reader_.required(key, read);
        value = read.value_or(value);
    }

    TableReader& reader_;
};

/// PyTorch's names that are others here, so that what was copied from a script is put right at once.
void refuse_torch_names(const TableReader& reader) {
    struct Renamed {
        std::string_view kind, torch, ours;
    };
    constexpr std::array names{Renamed{"cosine", "T_max", "period"},
                               Renamed{"cosine", "eta_min", "min_lr"},
                               Renamed{"cosine_warm_restarts", "T_0", "first_period"},
                               Renamed{"cosine_warm_restarts", "T_mult", "period_factor"},
                               Renamed{"cosine_warm_restarts", "eta_min", "min_lr"},
                               Renamed{"one_cycle", "anneal_strategy", "anneal"},
                               Renamed{"polynomial", "total_iters", "total_steps"},
                               Renamed{"warmup", "total_iters", "length"},
                               Renamed{"hold", "total_iters", "length"}};
    for (const auto& [kind, torch, ours] : names) {
        const toml::node* node = reader.table().get(torch);
        if (kind == reader.what() && node != nullptr)
            reader.fail_at(*node, fmt::format("PyTorch's {} of {} is called {} here", torch, kind, ours));
    }
}

void require(bool holds, const TableReader& reader, const std::string& sentence) {
    if (!holds) reader.fail_at(reader.table(), sentence);
}

// What one key alone cannot tell.
template <class Spec>
void check_whole(const Spec&, const TableReader&) {}

void check_whole(const CyclicSpec& spec, const TableReader& reader) {
    require(spec.base_lr <= spec.max_lr, reader, "base_lr of cyclic must not be above max_lr");
    require(spec.base_momentum <= spec.max_momentum, reader,
            "base_momentum of cyclic must not be above max_momentum");
}

void check_whole(const OneCycleSpec& spec, const TableReader& reader) {
    require(spec.base_momentum <= spec.max_momentum, reader,
            "base_momentum of one_cycle must not be above max_momentum");
}

/// PyTorch's key for the direction: here the metric tells, and a recipe that says otherwise is mistaken.
void check_mode(const KindSpec& kind, TableReader& reader) {
    const auto* plateau = std::get_if<ReduceOnPlateauSpec>(&kind);
    const toml::node* node = plateau == nullptr ? nullptr : reader.node("mode");
    if (node == nullptr) return;
    const std::string_view right = better_direction(plateau->metric);
    if (node->value<std::string_view>() != right)
        reader.fail_at(*node, fmt::format("mode of reduce_on_plateau must be \"{}\" for {}", right,
                                          name_in(metrics, plateau->metric)));
}

void read_per(SchedulerSpec& spec, TableReader& reader, FieldReader& fields) {
    const bool plateau = std::holds_alternative<ReduceOnPlateauSpec>(spec.kind);
    const bool needless = plateau || std::holds_alternative<ConstantSpec>(spec.kind);
    fields.choice("per", spec.per, pers, needless ? Need::may : Need::must);
    if (plateau && spec.per != Per::epoch)
        reader.fail_at(*reader.node("per"),
                       "per of reduce_on_plateau must be \"epoch\": its metric is measured once an epoch");
}

KindSpec kind_called(std::string_view name) {
    KindSpec kind;
    const auto index = static_cast<size_t>(std::ranges::find(kind_names, name) - kind_names.begin());
    [&]<size_t... i>(std::index_sequence<i...>) {
        ((index == i ? static_cast<void>(kind.emplace<i>()) : void()), ...);
    }
    (std::make_index_sequence<kind_names.size()>());
    return kind;
}

/// A warm-up or a hold.
template <class Part>
Part part_before(const toml::table& table, const std::string& source, const char* what) {
    TableReader reader(table, source, what);
    refuse_torch_names(reader);
    Part part;
    FieldReader fields(reader);
    visit_fields(part, fields);
    fields.choice("per", part.per, pers, Need::must);
    reader.finish();
    return part;
}

/// The value of `kind`, one of kind_names.
std::string kind_in(const toml::table& table, const std::string& source) {
    const TableReader reader(table, source, "scheduler");
    const std::vector<std::string> names(kind_names.begin(), kind_names.end());
    const std::string list = fmt::format("{}", fmt::join(names, ", "));
    const toml::node* node = table.get("kind");
    if (node == nullptr) reader.fail_at(table, "scheduler needs kind, one of " + list);
    const std::string name = node->value<std::string>().value_or("");
    if (std::ranges::find(names, name) != names.end()) return name;
    const std::string near = nearest_name(name, names);
    reader.fail_at(*node, fmt::format("there is no scheduler '{}'{}; kind is one of {}", name,
                                      near.empty() ? "" : fmt::format(" (did you mean {}?)", near), list));
}

}  // namespace

SchedulerSpec parse_scheduler(const toml::table& table, const std::string& source) {
    const std::string name = kind_in(table, source);
    TableReader reader(table, source, name);
    reader.node("kind");
    refuse_torch_names(reader);
    SchedulerSpec spec{.kind = kind_called(name), .per = Per::epoch, .warmup = {}};
    FieldReader fields(reader);
    std::visit([&](auto& kind) { visit_fields(kind, fields); }, spec.kind);
    check_mode(spec.kind, reader);
    read_per(spec, reader, fields);
    reader.finish();
    std::visit([&](const auto& kind) { check_whole(kind, reader); }, spec.kind);
    return spec;
}

Warmup parse_warmup(const toml::table& table, const std::string& source) {
    return part_before<Warmup>(table, source, "warmup");
}

Hold parse_hold(const toml::table& table, const std::string& source) {
    return part_before<Hold>(table, source, "hold");
}

}  // namespace vitrine::tools

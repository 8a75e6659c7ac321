// Schedulers as TOML and in words: see describe_scheduler.h.

#include "tools/recipe/describe_scheduler.h"

#include <fmt/format.h>

#include "tools/common/units.h"
#include "tools/recipe/scheduler_fields.h"

namespace vitrine::tools {
namespace {

using namespace optim;

/// Writes each field into a table.
class FieldWriter {
  public:
    explicit FieldWriter(toml::table& table) : table_(table) {}

    void number(std::string_view key, double value, Limits, Need = Need::may) { table_.insert(key, value); }
    void whole(std::string_view key, int64_t value, int64_t, Need = Need::may) { table_.insert(key, value); }
    void length(std::string_view key, std::optional<int64_t> value) {
        if (value) table_.insert(key, *value);
    }
    void length_or_share(std::string_view key, int64_t length, std::string_view share_key,
                         std::optional<double> share) {
        if (share)
            table_.insert(share_key, *share);
        else
            table_.insert(key, length);
    }
    void flag(std::string_view key, bool value) { table_.insert(key, value); }
    template <class Enum, size_t count>
    void choice(std::string_view key, Enum value, const std::array<Name<Enum>, count>& names) {
        table_.insert(key, std::string(name_in(names, value)));
    }
    void milestones(std::string_view key, const std::vector<int64_t>& values) {
        toml::array array;
        for (const int64_t value : values) array.push_back(value);
        table_.insert(key, std::move(array));
    }

  private:
    toml::table& table_;
};

/// Lists each field in words.
class FieldLister {
  public:
    struct Item {
        std::string text;  // "max_lr 0.1"
        bool must;         // whether a recipe has to say it
    };

    void number(std::string_view key, double value, Limits, Need need = Need::may) {
        add(key, fmt::format("{:g}", value), need);
    }
    void whole(std::string_view key, int64_t value, int64_t, Need need = Need::may) {
        add(key, grouped(value), need);
    }
    void length(std::string_view key, std::optional<int64_t> value) {
        add(key, value ? grouped(*value) : "open", Need::may);
    }
    void flag(std::string_view key, bool value) { add(key, value ? "on" : "off", Need::may); }
    template <class Enum, size_t count>
    void choice(std::string_view key, Enum value, const std::array<Name<Enum>, count>& names) {
        add(key, name_in(names, value), Need::may);
    }
    void milestones(std::string_view key, const std::vector<int64_t>& values) {
        add(key, fmt::format("{}", fmt::join(values, ", ")), Need::must);
    }

    const std::vector<Item>& items() const { return items_; }

  private:
    void add(std::string_view key, std::string_view value, Need need) {
        items_.push_back({fmt::format("{} {}", key, value), need == Need::must});
    }

    std::vector<Item> items_;
};

/// "key value, key value": those that a recipe has to say and those that are not the default.
template <class Spec>
std::string parameters(Spec spec) {
    FieldLister own, usual;
    Spec defaults;
    visit_fields(spec, own);
    visit_fields(defaults, usual);
    std::vector<std::string> shown;
    for (size_t i = 0; i < own.items().size(); ++i) {
        const FieldLister::Item& item = own.items()[i];
        if (item.must || item.text != usual.items()[i].text) shown.push_back(item.text);
    }
    return fmt::format("{}", fmt::join(shown, ", "));
}

std::string describe_kind(const SchedulerSpec& spec) {
    const std::string list = std::visit([](const auto& kind) { return parameters(kind); }, spec.kind);
    std::string text(name_of(spec.kind));
    if (!std::holds_alternative<ConstantSpec>(spec.kind)) text += fmt::format(" per {}", name_of(spec.per));
    return list.empty() ? text : fmt::format("{} ({})", text, list);
}

// Of a warm-up or a hold.

template <class Part>
toml::table table_of(Part part) {
    toml::table table;
    FieldWriter writer(table);
    visit_fields(part, writer);
    table.insert("per", std::string(name_of(part.per)));
    return table;
}

template <class Part>
std::string length_of(const Part& part) {
    return part.share ? fmt::format("{:.4g}% of the phase", 100.0 * *part.share)
                      : counted(part.length, part.per);
}

}  // namespace

toml::table to_toml(const SchedulerSpec& spec) {
    toml::table table;
    FieldWriter writer(table);
    KindSpec kind = spec.kind;
    std::visit([&](auto& each) { visit_fields(each, writer); }, kind);
    table.insert("kind", std::string(name_of(spec.kind)));
    table.insert("per", std::string(name_of(spec.per)));
    return table;
}

toml::table to_toml(const Warmup& warmup) { return table_of(warmup); }
toml::table to_toml(const Hold& hold) { return table_of(hold); }

std::string describe(const SchedulerSpec& spec) {
    std::string text;
    if (spec.warmup)
        text += fmt::format("warm-up for {} from {:g} times the rate, ", length_of(*spec.warmup),
                            spec.warmup->start_factor);
    if (spec.hold) text += fmt::format("hold for {}, ", length_of(*spec.hold));
    return fmt::format("{}{}{}", text, text.empty() ? "" : "then ", describe_kind(spec));
}

std::string counted(int64_t count, Per per) {
    const std::string_view plural = per == Per::epoch ? "s" : "es";
    return fmt::format("{} {}{}", grouped(count), name_of(per), count == 1 ? "" : plural);
}

std::string_view name_of(const KindSpec& kind) { return kind_names[kind.index()]; }
std::string_view name_of(Per per) { return name_in(pers, per); }
std::string_view name_of(Metric metric) { return name_in(metrics, metric); }

}  // namespace vitrine::tools

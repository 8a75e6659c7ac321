// An explanation as a terminal shows it: see explanation.h.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "lab/inspect/terms/explanation.h"

namespace vitrine::inspect {
namespace {

/// Rows of cells: the first to the left, numbers to the right, all columns as wide as they must be.
class Table {
  public:
    struct Cell {
        std::string text;
        bool to_the_right = false;
    };

    void add(std::vector<Cell> row) {
        widths_.resize(std::max(widths_.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width(row[i].text));
        rows_.push_back(std::move(row));
    }

    std::string to_text(const std::string& indent) const {
        std::string text;
        for (const std::vector<Cell>& row : rows_) {
            std::string line = indent;
            for (size_t i = 0; i < row.size(); ++i) {
                const std::string space(widths_[i] - width(row[i].text), ' ');
                line += row[i].to_the_right ? space + row[i].text : row[i].text + space;
                if (widths_[i] > 0) line += ' ';
            }
            line.erase(line.find_last_not_of(' ') + 1);
            text += line + '\n';
        }
        return text;
    }

  private:
    /// In characters, not bytes: all of those that explanations use are one column wide, but for x̂, whose hat takes none.
    static size_t width(const std::string& text) {
        const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
        size_t count = static_cast<size_t>(std::ranges::count_if(text, begins));
        for (size_t at = 0; (at = text.find("\u0302", at)) != std::string::npos; ++at) --count;
        return count;
    }

    std::vector<std::vector<Cell>> rows_;
    std::vector<size_t> widths_;
};

std::string number(double value) { return fmt::format("{:.6g}", value == 0.0 ? 0.0 : value); }

/// What a term's factors are made of, each with its name: "a = relu6(0.5)".
std::vector<std::string> details_of(const Term& term) {
    std::vector<std::string> details;
    for (const Factor& factor : term.factors) {
        if (factor.detail.empty()) continue;
        const std::string name = factor.name.substr(0, factor.name.find('['));
        const bool spoken = factor.detail.starts_with("at ") || factor.detail.starts_with("drawn ");
        details.push_back(fmt::format("{}{}{}", name, spoken ? " " : " = ", factor.detail));
    }
    return details;
}

/// Those that all of several terms have alike, which are told once.
std::vector<std::string> details_of_all(const std::vector<Term>& terms) {
    if (terms.size() < 2) return {};
    std::vector<std::string> common = details_of(terms.front());
    for (const Term& term : terms) {
        const std::vector<std::string> own = details_of(term);
        std::erase_if(common,
                      [&](const std::string& each) { return std::ranges::find(own, each) == own.end(); });
    }
    return common;
}

void add_row(const Term& term, bool tell_through, size_t factors, const std::vector<std::string>& told,
             Table& table) {
    std::vector<Table::Cell> row;
    if (tell_through) row.push_back({term.through});
    row.push_back({term.label + "  "});
    for (size_t i = 0; i < factors; ++i) {
        const bool there = i < term.factors.size();
        row.push_back({there && i > 0 ? "·" : ""});
        row.push_back({there ? term.factors[i].name : ""});
        row.push_back({there ? number(term.factors[i].value) : "", true});
    }
    row.push_back({"="});
    row.push_back({number(term.value), true});
    std::vector<std::string> details = details_of(term);
    std::erase_if(details,
                  [&](const std::string& each) { return std::ranges::find(told, each) != told.end(); });
    row.push_back({details.empty() ? "" : fmt::format("  {}", fmt::join(details, ",  "))});
    table.add(std::move(row));
}

std::string rows_of(const TermList& list, const std::string& indent) {
    std::set<std::string> ops;
    size_t factors = 0;
    for (const Term& term : list.terms) {
        ops.insert(term.through);
        factors = std::max(factors, term.factors.size());
    }
    Table table;
    const std::vector<std::string> told = details_of_all(list.terms);
    for (const Term& term : list.terms) add_row(term, ops.size() > 1, factors, told, table);
    std::string text = table.to_text(indent);
    if (list.rest_count > 0)
        text += fmt::format("{}… and {} smaller terms, which come to {}\n", indent, list.rest_count,
                            number(list.rest_sum));
    if (!told.empty()) text += fmt::format("{}in all of them  {}\n", indent, fmt::join(told, ",  "));
    return text;
}

std::string verdict(const Explanation& explanation) {
    const uint64_t ulps = explanation.ulps();
    if (ulps == 0) return "the same number";
    return fmt::format("{} {} apart: {:.1e} of the terms' absolute values{}", ulps,
                       ulps == 1 ? "unit in the last place" : "units in the last place", explanation.error(),
                       explanation.adds_up() ? "" : ". THE TERMS DO NOT ADD UP");
}

std::string stored_text(const Explanation& explanation) {
    return explanation.dtype == DType::f32 ? fmt::format("{}", static_cast<float>(explanation.stored))
                                           : fmt::format("{}", explanation.stored);
}

}  // namespace

std::string to_text(const Explanation& explanation) {
    std::string text = explanation.what + "\n";
    for (const std::string& formula : explanation.formulas) text += "    " + formula + "\n";
    text += "\n" + rows_of(explanation.list, "    ");
    for (const Part& part : explanation.parts) {
        const std::string name = part.name == part.formula ? "" : part.name + ": ";
        text += fmt::format("\n    {}{} = {}\n{}", name, part.formula, number(part.list.sum),
                            rows_of(part.list, "        "));
    }
    const std::string sum = fmt::format("{}", explanation.list.sum), stored = stored_text(explanation);
    text += fmt::format("\n    sum of {} {}  {}\n    stored in {}  {}\n    {}\n", explanation.list.count(),
                        explanation.list.count() == 1 ? "term" : "terms", sum, name_of(explanation.dtype),
                        stored, verdict(explanation));
    return text;
}

}  // namespace vitrine::inspect

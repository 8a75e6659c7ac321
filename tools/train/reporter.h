// What a run tells its user, and in which form.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/train/meter.h"
#include "tools/train/metrics.h"

namespace vitrine::train {

/// The scores of a model that was measured outside of the epochs: at a stop, or by --eval-only.
struct Measured {
    const tools::Scores& scores;
    int64_t images = 0;  // of the set; where fewer were measured, the scores are theirs alone
    Weights weights = Weights::plain;
};

/// What a run leaves to look at; empty: it is not there.
struct Results {
    std::filesystem::path report;
    std::filesystem::path weights;  // the best, or the last where no epoch was finished
    Weights kind = Weights::plain;  // of these
};

/// Told about everything; each form shows what it wants. Results go to the standard output; notices and the
/// progress bar to the standard error.
class Reporter {
  public:
    virtual ~Reporter() = default;

    /// Images decoded so far.
    virtual void loading(int64_t done, int64_t total) = 0;
    /// Something the user should know: one sentence.
    virtual void notice(const std::string& sentence) = 0;
    /// Before the first step: the settings for machines, and a few headed lines for people.
    virtual void begin(const Json& settings,
                       const std::vector<std::pair<std::string, std::string>>& lines) = 0;
    virtual void step(const Position& position, const Meter& meter) = 0;
    virtual void validating(int64_t done, int64_t total) = 0;
    virtual void epoch(const EpochMetrics& metrics, const EpochTiming& timing, int64_t epochs) = 0;
    virtual void evaluated(const Measured& measured) = 0;
    /// Where to look now that a run has ended, or failed.
    virtual void results(const Results& results) = 0;
    /// The last word: the best epoch, if there was one.
    virtual void end(const Best& best) = 0;
};

/// Text for people: a progress bar where the standard error is a terminal, else a line every ten seconds.
std::unique_ptr<Reporter> make_text_reporter();
/// One JSON object a line; its key "event" is begin, notice, step, epoch, evaluated or end.
std::unique_ptr<Reporter> make_json_reporter();
/// Only the last word and notices.
std::unique_ptr<Reporter> make_quiet_reporter();
/// Nothing at all.
std::unique_ptr<Reporter> make_silent_reporter();

/// "best val_accuracy 0.8912 at epoch 5"
std::string best_line(const Best& best);
/// "val_loss 0.2912", "val_accuracy 0.8912", "val_top5 0.9971"; "8 of 10,000 images" where it is not all.
std::vector<std::string> measured_fields(const Measured& measured);
/// "0.4321", or "4.321e+07" where that is shorter.
std::string loss_text(double loss);

}  // namespace vitrine::train

// train: fits a model to images.

#include <memory>

#include "kernels/launch/join_processes.h"
#include "tools/common/run_program.h"
#include "tools/train/interrupt.h"
#include "tools/train/options.h"
#include "tools/train/run.h"

int main(int argc, char** argv) {
    using namespace vitrine;
    train::give_hangup_back();
    return tools::run_program("train", [&] {
        const std::unique_ptr<Collective> launched = join_processes();
        return train::run_together(launched ? *launched : alone(), [&](train::Ranks& ranks) {
            return train::run(train::parse_options(argc, argv), ranks);
        });
    });
}

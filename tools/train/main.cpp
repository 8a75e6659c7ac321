// train: fits a model to images.

#include "tools/common/run_program.h"
#include "tools/train/options.h"
#include "tools/train/run.h"

int main(int argc, char** argv) {
    return vitrine::tools::run_program(
        "train", [&] { return vitrine::train::run(vitrine::train::parse_options(argc, argv)); });
}

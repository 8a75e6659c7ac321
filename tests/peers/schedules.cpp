// Prints the sequences of schedulers: a TOML file with tables [[case]] in, little-endian doubles out
// (learning rate and momentum of every step, case after case). compare_schedulers.py and make_schedulers.py
// write the cases.

#include <cstdio>
#include <iostream>
#include <iterator>

#include "tests/peers/schedule_case.h"

int main() {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const toml::table document = toml::parse(text, std::string("cases"));
    for (const toml::node& each : *document["case"].as_array()) {
        const auto settings = vitrine::tests::settings_of_case(*each.as_table(), "cases");
        std::fwrite(settings.data(), sizeof(settings[0]), settings.size(), stdout);
    }
    return std::ferror(stdout) != 0;
}

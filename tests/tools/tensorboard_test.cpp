// TensorBoard's event files, byte by byte. tests/peers/check_tensorboard.py reads them with TensorBoard
// itself.

#include "tools/report/tensorboard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/folders.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using report::EventWriter;

/// The bytes that TensorBoard's own writer makes: golden/make_tensorboard.py.
std::string golden(const char* name) {
    static const auto all = nlohmann::json::parse(content_of(repository() / "tests/golden/tensorboard.json"));
    const std::string hexadecimal = all.at(name);
    std::string bytes;
    for (size_t i = 0; i < hexadecimal.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
    return bytes;
}

constexpr size_t record_head = 12, record_tail = 4;
constexpr size_t time_bytes = 9;  // field 1, a double

std::string event_in(const std::string& record) {
    return record.substr(record_head, record.size() - record_head - record_tail);
}

/// The same record at another time: the writer stamps its own events with the time of day.
std::string at_time_of(const std::string& file, size_t begin, const std::string& record) {
    return report::event_record(file.substr(begin + record_head, time_bytes) +
                                event_in(record).substr(time_bytes));
}

TEST_CASE("tensorboard: lengths, checksums and events are those of TensorBoard's own writer") {
    const std::string version = golden("version");
    CHECK(report::event_record(event_in(version)) == version);

    const TemporaryFolder folder;
    EventWriter writer(folder.path());
    writer.scalar("loss", 300, 0.5F, 1.5);
    writer.image("preview", 1, golden("png"), 1.5);
    writer.flush();
    const std::string file = content_of(writer.path());
    CHECK(file == at_time_of(file, 0, version) + golden("scalar") + golden("image"));
}

TEST_CASE("tensorboard: the events of another process are replaced, and a TensorBoard that watches is told") {
    const TemporaryFolder folder;
    const fs::path unrelated = folder.path() / "notes.txt";
    std::ofstream(unrelated) << "kept";
    EventWriter first(folder.path());
    first.scalar("loss", 300, 0.5F, 1.5);
    first.flush();
    // Of a clock that was ahead.
    std::ofstream(folder / "events.out.tfevents.9000000000.other.1.000") << "anything";
    EventWriter second(folder.path());
    second.scalar("loss", 300, 0.5F, 1.5);
    second.flush();
    CHECK(first.path() < second.path());  // the order in which they are read
    CHECK(second.path().filename().string().starts_with("events.out.tfevents.9000000001."));
    std::vector<fs::path> left;
    for (const auto& entry : fs::directory_iterator(folder.path())) left.push_back(entry.path());
    std::ranges::sort(left);
    CHECK(left == std::vector{second.path(), unrelated});

    const std::string file = content_of(second.path());
    const std::string version = at_time_of(file, 0, golden("version"));
    // The golden session starts at step 7, ours at 0.
    std::string session = event_in(golden("resumed"));
    session.at(time_bytes + 1) = 0;
    CHECK(file ==
          version + at_time_of(file, version.size(), report::event_record(session)) + golden("scalar"));
}

TEST_CASE("tensorboard: what a full disk did not take is written later, and no link is followed") {
    const TemporaryFolder folder;
    EventWriter writer(folder.path());
    writer.scalar("loss", 300, 0.5F, 1.5);
    fs::create_symlink(folder / "victim", writer.path());
    CHECK_THROWS_AS(writer.flush(), Error);
    CHECK_FALSE(fs::exists(folder.path() / "victim"));
    fs::remove(writer.path());
    writer.scalar("loss", 300, 0.5F, 1.5);
    writer.flush();
    const std::string file = content_of(writer.path());
    CHECK(file == at_time_of(file, 0, golden("version")) + golden("scalar") + golden("scalar"));
}

TEST_CASE("tensorboard: only a PNG is an image; a folder that is missing is an error") {
    const TemporaryFolder folder;
    EventWriter writer(folder.path());
    const char* message = "TensorBoard image preview: a PNG file's bytes are needed";
    CHECK_THROWS_WITH_AS(writer.image("preview", 0, "GIF89a", 0.0), message, Error);
    CHECK_THROWS_WITH_AS(writer.image("preview", 0, golden("png").substr(0, 20), 0.0), message, Error);
    CHECK_THROWS_AS(EventWriter(folder.path() / "nowhere").flush(), Error);
}

TEST_CASE("tensorboard: a folder to read back") {
    const TemporaryFolder own;
    const char* wanted = std::getenv("VITRINE_TENSORBOARD_FOLDER");
    const std::filesystem::path folder = wanted == nullptr ? own.path() : std::filesystem::path(wanted);
    const auto log = [](EventWriter& writer, int from, int to, int more) {
        for (int step = from; step <= to; ++step)
            writer.scalar("train/loss", step, static_cast<float>(more + step), 1000.0 + step);
        writer.flush();
    };
    EventWriter killed(folder);
    log(killed, 1, 20, 1);
    EventWriter resumed(folder);
    resumed.image("preview", 0, golden("png"), 1000.0);
    log(resumed, 1, 10, 1);
    log(resumed, 11, 30, 2);
    CHECK(fs::file_size(resumed.path()) > 30 * 40);
}

}  // namespace
}  // namespace vitrine::tests

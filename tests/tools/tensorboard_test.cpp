// TensorBoard's event files, byte by byte. tests/peers/check_tensorboard.py reads them with TensorBoard
// itself.

#include "tools/report/tensorboard.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/error.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

using report::EventWriter;

/// The bytes that TensorBoard's own writer makes: golden/make_tensorboard.py.
std::string golden(const char* name) {
    static const auto all =
        nlohmann::json::parse(content_of(std::string(VITRINE_SOURCE_DIR) + "/tests/golden/tensorboard.json"));
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

TEST_CASE("tensorboard: a resumed run tells from which step on earlier files are void") {
    const TemporaryFolder folder;
    const EventWriter first(folder.path()), second(folder.path(), 7);
    CHECK(first.path() < second.path());  // the order in which they are read
    const std::string file = content_of(second.path());
    const std::string version = at_time_of(file, 0, golden("version"));
    CHECK(file == version + at_time_of(file, version.size(), golden("resumed")));
}

TEST_CASE("tensorboard: only a PNG is an image; a folder that is missing is an error") {
    const TemporaryFolder folder;
    EventWriter writer(folder.path());
    const char* message = "TensorBoard image preview: a PNG file's bytes are needed";
    CHECK_THROWS_WITH_AS(writer.image("preview", 0, "GIF89a", 0.0), message, Error);
    CHECK_THROWS_WITH_AS(writer.image("preview", 0, golden("png").substr(0, 20), 0.0), message, Error);
    CHECK_THROWS_AS(EventWriter(folder.path() / "nowhere"), Error);
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
    killed.image("preview", 0, golden("png"), 1000.0);
    log(killed, 1, 20, 1);
    EventWriter resumed(folder, 11);
    log(resumed, 11, 30, 2);
    CHECK(std::filesystem::file_size(killed.path()) > 20 * 40);
}

}  // namespace
}  // namespace vitrine::tests

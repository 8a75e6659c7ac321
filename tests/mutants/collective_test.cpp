// Defects between the processes' GPUs: what is asked of NCCL wrongly, on the wrong stream, or waited for too little. A trial is run by
// three processes over the stand-in NCCL (tests/vendor), which makes everything as late as it may be and says what it disagrees with.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernels/runtime.h"
#include "tests/mutants/mutants.h"
#include "tests/mutants/pattern.h"
#include "tests/mutants/planting.h"
#include "tests/vendor/linked_processes.h"

using namespace vitrine;
using tests::LinkedProcesses;
using tests::run_linked;

namespace {

constexpr int processes = 3;
constexpr int last = processes - 1;

/// What a process sees of the others' numbers.
class Trial {
  public:
    Trial(Collective& host, const CollectiveMutant& mutant)
        : host_(host), mutant_(mutant), runtime_(mutant.runtime()), devices_(mutant.join(host, false)) {}

    std::string said() {
        send_up();
        send_beside();
        broadcast();
        gather();
        add_up<float>(DType::f32);
        add_up<double>(DType::f64);
        refuse();
        disagree();
        wait_in_vain();
        return said_;
    }

  private:
    int rank() const { return host_.rank(); }

    void* upload(const Bytes& bytes) {
        void* const memory = runtime_.allocate(bytes.size());
        runtime_.copy_from_host(memory, bytes.data(), bytes.size());
        return memory;
    }
    Bytes download(const void* memory, size_t size) {
        Bytes& target = downloads_.emplace_back(size);
        runtime_.copy_to_host(target.data(), memory, size);
        return target;
    }
    void expect(bool right, const std::string& clause) {
        if (!right) said_ += clause + "; ";
    }
    template <class Ask>
    void exchange(Ask ask) {
        {
            const Beside beside(*devices_);
            ask();
        }
        devices_->finish();
    }

    /// All to the first, which has them in the order of the others.
    void send_up() {
        constexpr size_t size = 300'000;  // more than a socket holds
        void* const own = upload(pattern(size, rank()));
        if (rank() != 0) return exchange([&] { devices_->send(own, size, 0); });
        std::vector<void*> theirs;
        exchange([&] {
            for (int from = 1; from < processes; ++from)
                devices_->receive(theirs.emplace_back(runtime_.allocate(size)), size, from);
        });
        for (int from = 1; from < processes; ++from)
            expect(download(theirs[static_cast<size_t>(from - 1)], size) == pattern(size, from),
                   "what was sent has not arrived");
    }

    /// The first goes on computing, and only then has the last one send what it waits for.
    void send_beside() {
        void* const own = upload(pattern(1000, rank()));
        std::byte go{};
        if (rank() == last) {
            host_.receive({&go, 1}, 0);
            exchange([&] { devices_->send(own, 1000, 0); });
        }
        if (rank() != 0) return;
        void* const theirs = runtime_.allocate(1000);
        {
            const Beside beside(*devices_);
            devices_->receive(theirs, 1000, last);
        }
        expect(download(own, 1000) == pattern(1000, 0), "a copy beside the exchange");
        host_.send({&go, 1}, last);
        devices_->finish();
        expect(download(theirs, 1000) == pattern(1000, last), "what was sent has not arrived");
    }

    void broadcast() {
        void* const numbers = upload(pattern(5000, rank()));
        exchange([&] { devices_->broadcast(numbers, 5000, last); });
        expect(download(numbers, 5000) == pattern(5000, last), "what one shares out is not what all have");
    }

    void gather() {
        void* const parts = upload(Bytes(3 * 777, 0));
        const Bytes own = pattern(777, rank());
        runtime_.copy_from_host(static_cast<char*>(parts) + rank() * 777, own.data(), own.size());
        exchange([&] { devices_->gather(parts, 777); });
        Bytes all;
        for (int from = 0; from < processes; ++from) {
            const Bytes part = pattern(777, from);
            all.insert(all.end(), part.begin(), part.end());
        }
        expect(download(parts, all.size()) == all, "the parts of all are not in their places");
    }

    template <class T>
    void add_up(DType dtype) {
        std::vector<T> numbers(100), sums(100);
        for (size_t i = 0; i < numbers.size(); ++i) {
            numbers[i] = static_cast<T>(i) + static_cast<T>(rank());
            sums[i] = static_cast<T>(3 * i + 3);
        }
        const size_t bytes = numbers.size() * sizeof(T);
        void* const memory = runtime_.allocate(bytes);
        runtime_.copy_from_host(memory, numbers.data(), bytes);
        exchange([&] { devices_->sum(memory, 100, dtype); });
        runtime_.copy_to_host(numbers.data(), memory, bytes);
        expect(numbers == sums, "a sum over all is another");
    }

    /// Without the others.
    void refuse() {
        void* const memory = upload(Bytes(10, 1));
        try {
            const auto devices = mutant_.join(host_, false);
            devices->send(memory, 10, rank());
            expect(false, "a refused call is not told");
        } catch (const AbsentProcess& told) {
            expect(std::string(told.what()).find("talks to itself") != std::string::npos, told.what());
        }
    }

    /// The last one sends less than the first expects.
    void disagree() {
        const auto devices = mutant_.join(host_, false);
        void* const memory = upload(Bytes(1000, 1));
        try {
            {
                const Beside beside(*devices);
                if (rank() == 0) devices->receive(memory, 1000, last);
                if (rank() == last) devices->send(memory, 500, 0);
            }
            devices->finish();
            expect(rank() != 0, "nobody notices that less is sent than is expected");
        } catch (const AbsentProcess& told) {
            expect(rank() == 0 && std::string(told.what()).find("500 elements") != std::string::npos,
                   told.what());
        }
        host_.largest(0);  // nobody is gone before
    }

    void expect_absence(DeviceCollective& devices, void* memory) {
        try {
            {
                const Beside beside(devices);
                devices.broadcast(memory, 1000, last);
            }
            devices.finish();
            expect(false, "what nobody has sent is taken to be there");
        } catch (const AbsentProcess& told) {
            expect(std::string(told.what()) == "no answer from another process", told.what());
        }
    }

    /// One does not come: the others say so, and have their numbers still.
    void wait_in_vain() {
        const auto devices = mutant_.join(host_, false);
        void* const kept = upload(pattern(1000, 5));
        void* const memory = runtime_.allocate(1000);
        host_.set_patience(0.3);
        if (rank() != last) expect_absence(*devices, memory);
        expect(download(kept, 1000) == pattern(1000, 5),
               "numbers are lost where another process does not come");
        host_.largest(0);
    }

    Collective& host_;
    const CollectiveMutant& mutant_;
    const Runtime& runtime_;
    std::unique_ptr<DeviceCollective> devices_;
    std::vector<Bytes> downloads_;
    std::string said_;
};

std::string said_against(int number) {
    return run_linked(processes, "mutants_tests", "one of several processes*", 5,
                      fmt::format("VITRINE_TEST_MUTANT={}", number));
}

}  // namespace

TEST_CASE("one of several processes, whose GPUs NCCL joins with a planted defect" * doctest::skip()) {
    const int number = std::atoi(std::getenv("VITRINE_TEST_MUTANT"));
    LinkedProcesses host;
    choose_gpu(Device::simt, host);
    const Planted defect(number);
    const std::string said = Trial(host, collective_mutants().front()).said();
    CHECK_MESSAGE(said.empty(), said);
}

TEST_CASE("processes whose GPUs NCCL joins exchange what they should, and no defect of that is missed") {
    const std::string right = said_against(0);
    CHECK_MESSAGE(right.find("FAILURE") == std::string::npos, right);
    CHECK(right.find("it hangs") == std::string::npos);
    for (const CollectiveMutant& mutant : collective_mutants()) {
        const std::string said = said_against(mutant.number);
        CHECK_MESSAGE(said.find(mutant.caught_by) != std::string::npos, mutant.name, " (", mutant.what,
                      ") is not caught; it is said: ", said);
    }
}

// What launchers' variables say, and what is said where they say nonsense.

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "kernels/launch/launched.h"
#include "kernels/launch/meeting_place.h"
#include "kernels/mpi/join_mpi.h"
#include "tests/error_of.h"

using namespace vitrine;

namespace {

using Variables = std::map<std::string, std::string>;

/// Sets these while it lives, and none of the others that launchers set.
class Environment {
  public:
    explicit Environment(const Variables& variables) {
        clear();
        for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment() { clear(); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    static void clear() {
        for (const char* name :
             {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE", "PMI_RANK", "PMIX_RANK",
              "TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT",
              "WORLD_SIZE", "RANK", "LOCAL_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_NTASKS",
              "MASTER_ADDR", "MASTER_PORT", "VITRINE_MEETING_SECONDS"})
            ::unsetenv(name);
    }
};

Launched launched_with(const Variables& variables) {
    const Environment environment(variables);
    return launched();
}

std::string refusal(const Variables& variables) {
    const Environment environment(variables);
    return error_of([] { meeting_place(launched()); });
}

Variables operator|(Variables some, const Variables& more) {
    for (const auto& [name, value] : more) some[name] = value;
    return some;
}

const Variables address{{"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}};
const Variables by_hand = Variables{{"RANK", "1"}, {"WORLD_SIZE", "3"}} | address;
const Variables torchrun = by_hand | Variables{{"TORCHELASTIC_RUN_ID", "none"},
                                               {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                               {"TORCHELASTIC_RESTART_COUNT", "2"}};
const Variables srun{{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"}};
const Variables mpirun{{"OMPI_COMM_WORLD_SIZE", "5"}, {"OMPI_COMM_WORLD_RANK", "0"}};

void check(const Variables& variables, int processes, Meeting meeting, int rank = 0) {
    const Launched found = launched_with(variables);
    CHECK(found.processes == processes);
    CHECK((found.meeting == meeting));
    CHECK(found.rank == rank);
}

}  // namespace

TEST_CASE("launched: each launcher by its variables, the innermost first") {
    check({}, 1, Meeting::by_mpi);
    check(address, 1, Meeting::by_mpi);
    check(mpirun, 5, Meeting::by_mpi);
    check({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}, 2, Meeting::by_mpi);
    check(by_hand, 3, Meeting::by_address, 1);
    check(torchrun, 3, Meeting::by_address, 1);
    check(srun, 4, Meeting::never);
    check(srun | address, 4, Meeting::by_address, 2);
    check(srun | Variables{{"PMIX_RANK", "2"}}, 4, Meeting::by_mpi);
    if (build_has_mpi())
        check(srun | Variables{{"PMIX_RANK", "2"}} | address, 4, Meeting::by_mpi);
    else
        check(srun | Variables{{"PMIX_RANK", "2"}} | address, 4, Meeting::by_address, 2);
    check(srun | torchrun, 3, Meeting::by_address, 1);
    check(srun | mpirun | address, 5, Meeting::by_mpi);
    check(srun | by_hand, 3, Meeting::by_address, 1);
    // A script that was started for all, and says how many there will be.
    check(Variables{{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}, 1, Meeting::by_mpi);
    check({{"WORLD_SIZE", "4"}}, 1, Meeting::by_mpi);
    check(srun | address | Variables{{"WORLD_SIZE", "4"}}, 4, Meeting::by_address, 2);
}

TEST_CASE("launched: where to meet") {
    {
        const Environment environment(torchrun | Variables{{"VITRINE_MEETING_SECONDS", "7"}});
        const MeetingPlace place = meeting_place(launched());
        CHECK(place.host == "node1");
        CHECK(place.port == 29500);
        CHECK(place.rank == 1);
        CHECK(place.ranks == 3);
        CHECK(place.is_store);
        CHECK(place.run == "none/2");
        CHECK(place.seconds == 7.0);
    }
    const Environment environment(by_hand);
    CHECK(!meeting_place(launched()).is_store);
}

TEST_CASE("launched: what is missing or malformed is named") {
    CHECK(refusal(by_hand | Variables{{"WORLD_SIZE", "many"}}) ==
          "WORLD_SIZE is \"many\": it must be a whole number from 1 to 4096");
    CHECK(refusal(by_hand | Variables{{"WORLD_SIZE", "0"}}) ==
          "WORLD_SIZE is \"0\": it must be a whole number from 1 to 4096");
    CHECK(refusal(by_hand | Variables{{"RANK", "3"}}) ==
          "RANK is \"3\": it must be a whole number from 0 to 2");
    CHECK(refusal(by_hand | Variables{{"RANK", "-1"}}) ==
          "RANK is \"-1\": it must be a whole number from 0 to 2");
    CHECK(refusal(by_hand | Variables{{"RANK", ""}}) ==
          "RANK is \"\": it must be a whole number from 0 to 2");
    CHECK(refusal(srun | address | Variables{{"SLURM_PROCID", "4"}}) ==
          "SLURM_PROCID is \"4\": it must be a whole number from 0 to 3");
    for (const char* port : {"0", "65536", "http", "29500 ", "99999999999999"}) {
        CHECK(refusal(by_hand | Variables{{"MASTER_PORT", port}}) ==
              "MASTER_PORT is \"" + std::string(port) + "\": it must be a whole number from 1 to 65535");
    }
    Variables without = by_hand;
    without.erase("MASTER_PORT");
    CHECK(refusal(without) == "MASTER_PORT is not set: it must be a whole number from 1 to 65535");
    without = by_hand;
    without.erase("MASTER_ADDR");
    CHECK(refusal(without) ==
          "launched by what sets RANK and WORLD_SIZE as one of 3 processes, but MASTER_ADDR is not set: it "
          "must name "
          "the machine of process 0");
    without = by_hand;
    without.erase("RANK");
    CHECK(refusal(without) ==
          "MASTER_ADDR and WORLD_SIZE are set, but RANK is not: a process needs both RANK and WORLD_SIZE");
    without = by_hand;
    without.erase("WORLD_SIZE");
    CHECK(refusal(without) ==
          "MASTER_ADDR and RANK are set, but WORLD_SIZE is not: a process needs both RANK and WORLD_SIZE");
    CHECK(refusal(by_hand | Variables{{"VITRINE_MEETING_SECONDS", "soon"}}) ==
          "VITRINE_MEETING_SECONDS is \"soon\": it must be a whole number from 1 to 86400");
}

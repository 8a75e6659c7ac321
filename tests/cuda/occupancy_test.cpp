// Occupancy, against what NVIDIA's own calculator says.

#include <doctest/doctest.h>

#include "lab/resources/report/occupancy.h"

namespace vitrine::resources {
namespace {

struct Fact {
    int architecture;
    int block_threads;
    int registers;
    int shared_bytes;
    int blocks;  // as cudaOccMaxActiveBlocksPerMultiprocessor of CUDA 13.0's cuda_occupancy.h gives it
};

constexpr Fact facts[]{
    {75, 256, 32, 0, 4},      {75, 256, 255, 0, 1},      {75, 128, 40, 2048, 8},   {75, 64, 168, 8192, 6},
    {75, 1024, 64, 0, 1},     {75, 96, 33, 4096, 10},    {75, 32, 24, 0, 16},      {75, 256, 128, 49152, 1},
    {75, 512, 72, 12345, 1},  {75, 128, 255, 16640, 2},  {80, 256, 32, 0, 8},      {80, 256, 255, 0, 1},
    {80, 128, 40, 2048, 12},  {80, 64, 168, 8192, 6},    {80, 1024, 64, 0, 1},     {80, 96, 33, 4096, 16},
    {80, 32, 24, 0, 32},      {80, 256, 128, 49152, 2},  {80, 512, 72, 12345, 1},  {80, 128, 255, 16640, 2},
    {86, 256, 32, 0, 6},      {86, 256, 255, 0, 1},      {86, 128, 40, 2048, 12},  {86, 64, 168, 8192, 6},
    {86, 1024, 64, 0, 1},     {86, 96, 33, 4096, 16},    {86, 32, 24, 0, 16},      {86, 256, 128, 49152, 2},
    {86, 512, 72, 12345, 1},  {86, 128, 255, 16640, 2},  {89, 256, 32, 0, 6},      {89, 256, 255, 0, 1},
    {89, 128, 40, 2048, 12},  {89, 64, 168, 8192, 6},    {89, 1024, 64, 0, 1},     {89, 96, 33, 4096, 16},
    {89, 32, 24, 0, 24},      {89, 256, 128, 49152, 2},  {89, 512, 72, 12345, 1},  {89, 128, 255, 16640, 2},
    {90, 256, 32, 0, 8},      {90, 256, 255, 0, 1},      {90, 128, 40, 2048, 12},  {90, 64, 168, 8192, 6},
    {90, 1024, 64, 0, 1},     {90, 96, 33, 4096, 16},    {90, 32, 24, 0, 32},      {90, 256, 128, 49152, 2},
    {90, 512, 72, 12345, 1},  {90, 128, 255, 16640, 2},  {100, 256, 32, 0, 8},     {100, 256, 255, 0, 1},
    {100, 128, 40, 2048, 12}, {100, 64, 168, 8192, 6},   {100, 1024, 64, 0, 1},    {100, 96, 33, 4096, 16},
    {100, 32, 24, 0, 32},     {100, 256, 128, 49152, 2}, {100, 512, 72, 12345, 1}, {100, 128, 255, 16640, 2},
    {120, 256, 32, 0, 6},     {120, 256, 255, 0, 1},     {120, 128, 40, 2048, 12}, {120, 64, 168, 8192, 6},
    {120, 1024, 64, 0, 1},    {120, 96, 33, 4096, 16},   {120, 32, 24, 0, 24},     {120, 256, 128, 49152, 2},
    {120, 512, 72, 12345, 1}, {120, 128, 255, 16640, 2},
};

KernelResources kernel_of(const Fact& fact) {
    KernelResources kernel;
    kernel.architecture = fact.architecture;
    kernel.block_threads = fact.block_threads;
    kernel.registers = fact.registers;
    kernel.shared_bytes = fact.shared_bytes;
    return kernel;
}

}  // namespace

TEST_CASE("as many blocks fit on a multiprocessor as NVIDIA's calculator says") {
    for (const Fact& fact : facts) {
        CAPTURE(fact.architecture);
        CAPTURE(fact.block_threads);
        CAPTURE(fact.registers);
        CAPTURE(fact.shared_bytes);
        const Architecture* architecture = find_architecture(fact.architecture);
        REQUIRE(architecture != nullptr);
        CHECK(occupancy(*architecture, kernel_of(fact)).blocks == fact.blocks);
    }
}

TEST_CASE("what limits the occupancy is named") {
    const Architecture& h100 = *find_architecture(90);
    CHECK(occupancy(h100, kernel_of({90, 256, 32, 0, 8})).limited_by == std::string("threads"));
    CHECK(occupancy(h100, kernel_of({90, 32, 24, 0, 32})).limited_by == std::string("blocks"));
    CHECK(occupancy(h100, kernel_of({90, 256, 128, 0, 2})).limited_by == std::string("registers"));
    CHECK(occupancy(h100, kernel_of({90, 64, 32, 40000, 5})).limited_by == std::string("shared memory"));
    CHECK(occupancy(h100, kernel_of({90, 256, 32, 0, 8})).threads == 2048);
}

TEST_CASE("an architecture that the table does not have is not guessed") {
    CHECK(find_architecture(70) == nullptr);
    for (int known : {75, 80, 86, 89, 90, 100, 120}) CHECK(find_architecture(known) != nullptr);
}

}  // namespace vitrine::resources

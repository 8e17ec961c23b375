// The commands that are not for a cluster: each is put together here from a module that runtime/
// does not know.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/tools/tools.h"

namespace faultline::binary {
void add_timeline(CLI::App& app, std::vector<tools::Command>& commands);
void add_sim(CLI::App& app, std::vector<tools::Command>& commands);
// --seed: a whole number from 0 to 2^63-1, as a scenario's own.
void add_seed(CLI::App* sub, std::optional<std::uint64_t>& seed, const std::string& help);
void add_scenario(CLI::App& app, std::vector<tools::Command>& commands);
void add_sim_search(CLI::App& sim, std::vector<tools::Command>& commands);
void add_sim_tables(CLI::App& sim, std::vector<tools::Command>& commands);
}  // namespace faultline::binary

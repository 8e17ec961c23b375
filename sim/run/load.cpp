#include "sim/run/load.h"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "sim/run/broker_node.h"

namespace faultline::sim {
namespace {
std::optional<std::string> read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) return std::nullopt;
    return text;
}
}  // namespace

std::optional<std::string> load_scenario(const std::string& file, const std::vector<Override>& set,
                                         Scenario& out) {
    const auto text = read_text(file);
    if (!text) return fmt::format("{}: cannot be read; name a scenario file", file);
    if (const auto e = parse_scenario(file, *text, set, out)) return e->text;
    if (const auto why = check_config(out.cluster)) return fmt::format("{}: {}", file, *why);
    return std::nullopt;
}
}  // namespace faultline::sim

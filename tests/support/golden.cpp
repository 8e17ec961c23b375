#include "tests/support/golden.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <vector>

namespace faultline::test {
namespace {
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

void print_difference(const std::string& path, const std::string& wanted, const std::string& got) {
    const auto a = lines_of(wanted), b = lines_of(got);
    std::cout << "--- " << path << "\n+++ this run (FL_UPDATE_GOLDEN=1 accepts it)\n";
    int shown = 0;
    for (std::size_t i = 0; i < std::max(a.size(), b.size()) && shown < 12; ++i) {
        const bool in_a = i < a.size(), in_b = i < b.size();
        if (in_a && in_b && a[i] == b[i]) continue;
        ++shown;
        if (in_a) std::cout << "-" << i + 1 << ": " << a[i].substr(0, 300) << "\n";
        if (in_b) std::cout << "+" << i + 1 << ": " << b[i].substr(0, 300) << "\n";
    }
}
}  // namespace

bool is_golden(std::string_view name, const std::string& text) {
    const std::string path = FL_GOLDEN_DIR "/" + std::string(name);
    std::ifstream in(path, std::ios::binary);
    const std::string wanted((std::istreambuf_iterator<char>(in)),
                             std::istreambuf_iterator<char>());
    if (in && wanted == text) return true;
    const char* update = std::getenv("FL_UPDATE_GOLDEN");
    if (update != nullptr && std::string_view(update) == "1") {
        std::ofstream(path, std::ios::binary) << text;
        return true;
    }
    print_difference(path, wanted, text);
    return false;
}
}  // namespace faultline::test

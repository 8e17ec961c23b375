// Writes docs/CONFIG.md.
#include <fstream>

#include "runtime/config/document.h"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ofstream out(argv[1]);
    out << faultline::config::config_document();
    return out.good() ? 0 : 1;
}

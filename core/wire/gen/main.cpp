// wiregen SCHEMA_DIR OUTPUT_DIR SHARDS: writes OUTPUT_DIR/gen/wire/*. A file that would not change
// is left alone, so that nothing is compiled again for nothing.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/wire/gen/emit.h"

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::ifstream in(path, std::ios::binary);
    if (in && std::string{std::istreambuf_iterator<char>(in), {}} == text) return;
    std::ofstream(path, std::ios::binary) << text;
}

void run(const std::filesystem::path& schema_dir, const std::filesystem::path& out,
         std::size_t shards) {
    const wiregen::Schema schema = wiregen::load(schema_dir);
    const auto dir = out / "gen" / "wire";
    std::filesystem::create_directories(dir);
    std::vector<std::vector<const wiregen::Message*>> parts(shards);
    for (std::size_t i = 0; i < schema.messages.size(); ++i) {
        const wiregen::Message& m = *schema.messages[i];
        write(dir / (m.file_stem + ".h"), wiregen::emit_message_header(m));
        parts[i % shards].push_back(&m);
    }
    for (std::size_t i = 0; i < shards; ++i) {
        write(dir / ("messages_" + std::to_string(i) + ".cpp"), wiregen::emit_shard(parts[i]));
    }
    write(dir / "registry.cpp", wiregen::emit_registry(schema));
    write(dir / "api.h", wiregen::emit_api_header(schema));
    write(dir / "api.cpp", wiregen::emit_api_source(schema));
    write(dir / "errors.h", wiregen::emit_errors_header(schema));
    write(dir / "errors.cpp", wiregen::emit_errors_source(schema));
    // Ninja looks at this file alone: the others keep their times when they are unchanged.
    std::ofstream(dir / "stamp") << "generated\n";
}
}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: wiregen SCHEMA_DIR OUTPUT_DIR SHARDS\n");
        return 2;
    }
    try {
        run(argv[1], argv[2], static_cast<std::size_t>(std::stoul(argv[3])));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "wiregen: %s\n", e.what());
        return 1;
    }
    return 0;
}

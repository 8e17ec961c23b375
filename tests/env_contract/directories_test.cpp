// Names: making, listing, renaming, removing, locking.
#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;

namespace {
Result<void> put(Env& env, const std::string& path, std::string_view content) {
    FL_TRY(const FileRef file, env.disk.open(path, OpenMode::create));
    FL_CHECK(file->write(0, text(content)));
    return file->sync(SyncMode::data);
}
Result<std::string> get(Env& env, const std::string& path) {
    FL_TRY(const IoBuf content, read_file(env.disk, path, 1 << 20));
    return content.copy_string();
}
}  // namespace

CONTRACT("directory: a listing is sorted, with sizes and kinds") {
    with_node(w, [](Env& env) {
        EXPECT_OK(env.disk.create_dir("d"));
        for (const char* name : {"b", "a", "c0", "B", "c-1", "c"}) {
            EXPECT_OK(put(env, std::string("d/") + name, name));
        }
        EXPECT_OK(env.disk.create_dir("d/sub"));
        EXPECT_OK(put(env, "d/sub/deep", "x"));
        GET(const auto entries, env.disk.list("d"));
        std::string names;
        for (const DirEntry& e : entries) {
            names += e.name + " ";
            EXPECT(e.is_dir == (e.name == "sub"));
            if (!e.is_dir) EXPECT(e.size == e.name.size());
        }
        EXPECT(names == "B a b c c-1 c0 sub ");
        GET(const auto root, env.disk.list("."));
        EXPECT(root.size() == 1);
        EXPECT_OK(env.disk.create_dir("empty"));
        GET(const auto none, env.disk.list("empty"));
        EXPECT(none.empty());
    });
}

CONTRACT("directory: what is missing is not found") {
    with_node(w, [](Env& env) {
        EXPECT_CODE(Errc::not_found, env.disk.list("d"));
        EXPECT_CODE(Errc::not_found, env.disk.remove("d"));
        EXPECT_CODE(Errc::not_found, env.disk.sync_dir("d"));
        EXPECT_CODE(Errc::not_found, env.disk.rename("d", "e"));
        EXPECT_CODE(Errc::not_found, env.disk.create_dir("d/e"));
    });
}

CONTRACT("directory: making one that exists says so") {
    with_node(w, [](Env& env) {
        EXPECT_OK(env.disk.create_dir("d"));
        EXPECT_CODE(Errc::exists, env.disk.create_dir("d"));
        EXPECT_OK(put(env, "f", "x"));
        EXPECT_CODE(Errc::exists, env.disk.create_dir("f"));
    });
}

CONTRACT("directory: parents are made as needed") {
    with_node(w, [](Env& env) {
        EXPECT_OK(create_dirs(env.disk, "a/b/c"));
        EXPECT_OK(create_dirs(env.disk, "a/b/c"));
        EXPECT_OK(put(env, "a/b/c/f", "deep"));
        GET(const std::string got, get(env, "a/b/c/f"));
        EXPECT(got == "deep");
    });
}

CONTRACT("directory: only an empty one is removed") {
    with_node(w, [](Env& env) {
        EXPECT_OK(env.disk.create_dir("d"));
        EXPECT_OK(put(env, "d/f", "x"));
        EXPECT_CODE(Errc::busy, env.disk.remove("d"));
        EXPECT_OK(env.disk.remove("d/f"));
        EXPECT_OK(env.disk.remove("d"));
        EXPECT_CODE(Errc::not_found, env.disk.list("d"));
    });
}

CONTRACT("directory: a directory is not a file") {
    with_node(w, [](Env& env) {
        EXPECT_OK(env.disk.create_dir("d"));
        EXPECT_CODE(Errc::invalid, env.disk.open("d", OpenMode::read));
        EXPECT_CODE(Errc::invalid, env.disk.open("d", OpenMode::create));
    });
}

CONTRACT("directory: renaming over a file replaces it; its handles keep the old content") {
    with_node(w, [](Env& env) {
        EXPECT_OK(put(env, "old", "old content"));
        EXPECT_OK(put(env, "new", "new"));
        GET(const FileRef handle, env.disk.open("old", OpenMode::read));
        EXPECT_OK(env.disk.rename("new", "old"));
        EXPECT_CODE(Errc::not_found, env.disk.open("new", OpenMode::read));
        GET(const std::string got, get(env, "old"));
        EXPECT(got == "new");
        GET(const IoBuf kept, handle->read(0, 100));
        EXPECT(kept == text("old content"));
    });
}

CONTRACT("directory: a file moves between directories, with its handles") {
    with_node(w, [](Env& env) {
        EXPECT_OK(env.disk.create_dir("a"));
        EXPECT_OK(env.disk.create_dir("b"));
        EXPECT_OK(put(env, "a/f", "x"));
        GET(const FileRef handle, env.disk.open("a/f", OpenMode::read_write));
        EXPECT_OK(env.disk.rename("a/f", "b/g"));
        EXPECT_OK(handle->write(1, text("y")));
        GET(const std::string got, get(env, "b/g"));
        EXPECT(got == "xy");
        EXPECT_CODE(Errc::not_found, env.disk.rename("b/g", "no/g"));
    });
}

CONTRACT("directory: renaming a directory takes its content along") {
    with_node(w, [](Env& env) {
        EXPECT_OK(create_dirs(env.disk, "a/b"));
        EXPECT_OK(put(env, "a/b/f", "x"));
        EXPECT_OK(env.disk.rename("a", "z"));
        GET(const std::string got, get(env, "z/b/f"));
        EXPECT(got == "x");
        EXPECT_CODE(Errc::not_found, env.disk.list("a"));
    });
}

CONTRACT("directory: a lock is exclusive until it is let go of") {
    with_node(w, [](Env& env) {
        {
            GET(const auto lock, env.disk.lock(".lock"));
            EXPECT_CODE(Errc::busy, env.disk.lock(".lock"));
            GET(const auto another, env.disk.lock(".other"));
            EXPECT(lock != nullptr && another != nullptr);
        }
        EXPECT_OK(env.disk.lock(".lock"));
        EXPECT_CODE(Errc::not_found, env.disk.lock("no/.lock"));
    });
}

CONTRACT("directory: the lock of a node that was killed is free") {
    w.run_and_kill({.main =
                        [](Env& env, fiber::StopToken) {
                            GET(const auto lock, env.disk.lock(".lock"));
                            (void)env.fibers.sleep_until(Deadline::never());
                            EXPECT(false);  // it never wakes
                        }},
                   100ms);
    with_node(w, [](Env& env) { EXPECT_OK(env.disk.lock(".lock")); });
}

CONTRACT("directory: usage has room within the total") {
    with_node(w, [](Env& env) {
        GET(const Disk::Usage usage, env.disk.usage("."));
        EXPECT(usage.free > 0);
        EXPECT(usage.free <= usage.total);
    });
}

CONTRACT("directory: names survive after sync_dir") {
    with_node(w, [](Env& env) {
        EXPECT_OK(create_dirs(env.disk, "d"));
        EXPECT_OK(put(env, "d/kept", "k"));
        EXPECT_OK(put(env, "d/removed", "r"));
        EXPECT_OK(put(env, "d/before", "m"));
        EXPECT_OK(env.disk.remove("d/removed"));
        EXPECT_OK(env.disk.rename("d/before", "d/after"));
        EXPECT_OK(env.disk.sync_dir("d"));
    });
    w.lose_power(0);
    with_node(w, [](Env& env) {
        GET(const auto entries, env.disk.list("d"));
        NEED(entries.size() == 2);
        EXPECT(entries[0].name == "after");
        EXPECT(entries[1].name == "kept");
        GET(const std::string got, get(env, "d/after"));
        EXPECT(got == "m");
    });
}

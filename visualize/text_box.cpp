#include "visualize/text_box.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace faultline::visualize {
namespace {
// Hundredths of the font size, from ' ' to '~'.
constexpr std::array<unsigned char, 95> kWidths = {
    32, 40, 46, 84, 64, 95, 78, 27, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84};
constexpr int kOtherWidth = 80;
constexpr std::string_view kEllipsis = "\u2026";

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }
}  // namespace

double text_width(std::string_view text, double font_px, bool bold) {
    int sum = 0;
    for (const char c : text) {
        if (c >= ' ' && c <= '~') {
            sum += kWidths[static_cast<std::size_t>(c - ' ')];
        } else if (starts_character(c)) {
            sum += kOtherWidth;
        }
    }
    return sum * font_px / 100.0 * (bold ? 1.12 : 1.0);
}

std::string fitted(std::string text, double width, double font_px) {
    if (text_width(text, font_px) <= width) return text;
    while (!text.empty() && text_width(text, font_px) + font_px * 0.8 > width) {
        while (!text.empty() && !starts_character(text.back())) text.pop_back();
        if (!text.empty()) text.pop_back();
    }
    return text + std::string(kEllipsis);
}

std::vector<std::string> wrapped(std::string_view text, double width, double font_px) {
    std::vector<std::string> lines(1);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string word(text.substr(0, end));
        std::string& line = lines.back();
        if (!line.empty() && text_width(line + " " + word, font_px) > width) {
            lines.push_back(fitted(word, width, font_px));
        } else {
            line += (line.empty() ? "" : " ") + word;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<int> pack_rows(const std::vector<Box>& boxes, double gap) {
    std::vector<std::size_t> order(boxes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return boxes[a].left < boxes[b].left; });
    std::vector<int> rows(boxes.size());
    std::vector<double> ends;
    for (const std::size_t i : order) {
        const auto it = std::find_if(ends.begin(), ends.end(),
                                     [&](double end) { return end + gap <= boxes[i].left; });
        rows[i] = static_cast<int>(it - ends.begin());
        if (it == ends.end()) {
            ends.push_back(boxes[i].right);
        } else {
            *it = boxes[i].right;
        }
    }
    return rows;
}

std::vector<int> pack_callouts(const std::vector<Box>& boxes, double gap) {
    std::vector<std::size_t> order(boxes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return boxes[a].left > boxes[b].left; });
    std::vector<int> rows(boxes.size(), 0);
    for (std::size_t n = 0; n < order.size(); ++n) {
        const Box& box = boxes[order[n]];
        for (std::size_t m = 0; m < n; ++m) {
            const Box& later = boxes[order[m]];
            if (later.left < box.right + gap && box.left < later.right + gap) {
                rows[order[n]] = std::max(rows[order[n]], rows[order[m]] + 1);
            }
        }
    }
    return rows;
}

bool Taken::free(double left, double top, double right, double bottom) const {
    return std::none_of(list_.begin(), list_.end(), [&](const Rect& r) {
        return left < r.right && r.left < right && top < r.bottom && r.top < bottom;
    });
}
}  // namespace faultline::visualize

// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace vitrine::tools {

/// "3,504,872"
std::string grouped(int64_t value);
/// "300.77 M": three significant digits and more behind the steps k, M, G, T of 1000.
std::string metric(double value);
/// "301 M": three significant digits, for where there is little room.
std::string short_metric(double value);
/// "26.7 MB", in powers of 1000 as disks and networks are sold.
std::string bytes_text(int64_t bytes);
/// "0:07", "12:05", "1:02:03"
std::string duration(double seconds);

}  // namespace vitrine::tools

"""What one run may use, and how large the engine room is."""

from __future__ import annotations

from dataclasses import dataclass, field

KIB = 1024
MIB = 1024 * KIB

# Code, stacks and the collector's own room come on top of what a script may hold.
DATA_HEADROOM = 40 * MIB
MAX_MEMORY_MB = 512
MIN_MEMORY_MB = 16


# What one frame to or from an engine can carry, and what a clock can be set to, bound what may be allowed.
MOST = {
    "timeout_ms": 24 * 3_600_000,
    "cpu_ms": 24 * 3_600_000,
    "max_api_calls": 1_000_000,
    "max_concurrent_calls": 1_000,
    "max_source_bytes": 16 * MIB,
    "max_input_bytes": 16 * MIB,
    "max_output_bytes": 64 * MIB,
    "max_log_lines": 1_000_000,
    "max_log_line_bytes": MIB,
    "max_call_bytes": 16 * MIB,
    "max_answer_bytes": 48 * MIB,
}


def log_shares(most: int) -> tuple[int, int]:
    """How many of a run's log lines are kept of its beginning, and how many of its end."""
    tail = -(-most // 10)
    return most - tail, tail


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one run. Every one of them is enforced outside the script's reach."""

    timeout_ms: int = 30_000
    cpu_ms: int = 30_000
    memory_mb: int = 128
    """Heap and buffers together."""
    max_api_calls: int = 100
    max_concurrent_calls: int = 16
    """Further calls wait their turn inside the run."""
    max_source_bytes: int = 256 * KIB
    max_input_bytes: int = MIB
    """Input and context together."""
    max_output_bytes: int = MIB
    max_log_lines: int = 1_000
    max_log_line_bytes: int = 8 * KIB
    max_call_bytes: int = 2 * MIB
    """The arguments of one host call."""
    max_answer_bytes: int = 24 * MIB
    """What one host call may answer, as JSON."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"limit {name} must be a whole number, not {value!r}")
            if value < (0 if name in ("max_api_calls", "max_log_lines") else 1):
                raise ValueError(f"limit {name} must be positive, not {value}")
            if value > MOST.get(name, value):
                raise ValueError(f"limit {name} must be at most {MOST[name]}, not {value}")
        if not MIN_MEMORY_MB <= self.memory_mb <= MAX_MEMORY_MB:
            raise ValueError(f"limit memory_mb must be {MIN_MEMORY_MB} to {MAX_MEMORY_MB}, not {self.memory_mb}")

    @property
    def memory_bytes(self) -> int:
        return self.memory_mb * MIB


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """The size and upkeep of a pool of engines."""

    pool_size: int = 10
    """Runs at the same time. Engines are made on demand, from `warm` upwards."""
    warm: int = 2
    """Engines kept ready beyond those at work, so that a killed one is not missed."""
    acquire_timeout_ms: int = 30_000
    max_age_s: float = 3_600
    max_uses: int = 1_000
    idle_s: float = 120
    """An engine beyond `warm` that nobody used for so long goes."""
    max_idle_memory_mb: int = 96
    """An idle engine larger than this is replaced."""
    cache_size: int = 1_000
    prepared_sources: int = 3
    """Hot scripts each engine keeps compiled in isolates of their own."""
    health_interval_s: float = 10
    start_timeout_s: float = 15
    drain_seconds: float = 30
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("pool_size", "warm", "max_uses", "max_age_s", "start_timeout_s", "health_interval_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("acquire_timeout_ms", "cache_size", "prepared_sources", "drain_seconds", "idle_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")

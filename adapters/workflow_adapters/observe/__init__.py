"""What operators watch: gauges for Prometheus and spans for OpenTelemetry. Neither carries a word that anybody wrote."""

from workflow_adapters.observe.metrics import Gauges
from workflow_adapters.observe.spans import traced

__all__ = ["Gauges", "traced"]

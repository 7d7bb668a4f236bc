"""The protocol AG-UI 1.0, by which agents talk to chat UIs. Pure; docs.ag-ui.com. TanStack AI speaks it, too."""

from gateway.dialects.ag_ui.dialect import AgUiDialect

__all__ = ["AgUiDialect"]

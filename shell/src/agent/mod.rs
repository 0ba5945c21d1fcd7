//! Agents: the embedded demo agent and real `pi` child processes.

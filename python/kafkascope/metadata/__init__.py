"""Who is who on this host: process, container, pod, service, node; the one door to /proc and /sys."""

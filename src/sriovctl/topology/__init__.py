"""Pure reasoning on the PCI tree: paths, isolation, IOMMU groups, capacity, pictures."""
